//! Chats and pushed messages.

use super::{anything, option, text, url};
use crate::spec::{Fill, HandlerKind, Method, Sends};

///
pub static SLACK: HandlerKind = HandlerKind {
    kind: "slack",
    method: "slack",
    takes: Method::Nothing,
    options: &[
        text("workspace", "workspace", "Which `[[slack]]` section."),
        text("channel", "channel", "The channel, `#name` or `@name`."),
        text("username", "username", "Who it seems to come from."),
        text("icon-emoji", "iconEmoji", "An emoji instead of a picture."),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts to a Slack channel.",
};

///
pub static TELEGRAM: HandlerKind = HandlerKind {
    kind: "telegram",
    method: "telegram",
    takes: Method::Nothing,
    options: &[
        text("chat-id", "chatId", "The chat."),
        text("parse-mode", "parseMode", "Markdown or HTML."),
        option(
            "disable-web-page-preview",
            "disableWebPagePreview",
            Fill::Flag,
            "Shows no previews of links.",
        ),
        option(
            "disable-notification",
            "disableNotification",
            Fill::Flag,
            "Makes no sound.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Sends a message as a Telegram bot.",
};

///
pub static TEAMS: HandlerKind = HandlerKind {
    kind: "teams",
    method: "teams",
    takes: Method::Nothing,
    options: &[text("channel-url", "channelURL", "The channel's web hook.")],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts a card to a Teams channel.",
};

///
pub static DISCORD: HandlerKind = HandlerKind {
    kind: "discord",
    method: "discord",
    takes: Method::Nothing,
    options: &[
        text("workspace", "workspace", "Which `[[discord]]` section."),
        text("username", "username", "Who it seems to come from."),
        text("avatar-url", "avatarURL", "A picture."),
        text(
            "embed-title",
            "embedTitle",
            "Title of the embedded text; a template.",
        ),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Posts to a Discord web hook.",
};

///
pub static PUSHOVER: HandlerKind = HandlerKind {
    kind: "pushover",
    method: "pushover",
    takes: Method::Nothing,
    options: &[
        text("user-key", "userKey", "Who gets it."),
        text("device", "device", "On which of their devices."),
        text("title", "title", "Instead of the application's name."),
        url("url", "uRL", "url", "A link."),
        url("url-title", "uRLTitle", "urlTitle", "The link's text."),
        text("sound", "sound", "The sound."),
    ],
    sends: Sends::NotYet,
    check: anything,
    check_start: anything,
    doc: "Sends a Pushover notification.",
};

///
pub static HIP_CHAT: HandlerKind = HandlerKind {
    kind: "hipchat",
    method: "hipChat",
    takes: Method::Nothing,
    options: &[
        text("room", "room", "The room."),
        text("token", "token", "The account."),
    ],
    sends: Sends::Gone,
    check: anything,
    check_start: anything,
    doc: "Posted to HipChat, a service that ended in 2019.",
};

///
pub static TALK: HandlerKind = HandlerKind {
    kind: "talk",
    method: "talk",
    takes: Method::Nothing,
    options: &[],
    sends: Sends::Gone,
    check: anything,
    check_start: anything,
    doc: "Posted to Talk, a service that no longer exists.",
};
