//! The senders of alert events.
