//! Keeping what is resident small. The only module with `unsafe` code.
//!
//! Three measures, each with what it brought (Linux 6.18, x86-64, VmRSS):
//!
//! - Huge pages off: the allocator asks for none (mimalloc's `no_thp`), and [`refuse_huge_pages`] keeps a system that gives
//!   them unasked from doing so. One small object makes a whole 2 MB resident otherwise: 27.3 MB became 20.4 MB, and the
//!   peak under load at 100,000 hosts 140 MB instead of 80 MB, with no more CPU time per point.
//! - [`return_memory_soon`]: memory that nothing uses goes back to the system after 100 ms, not after a second. Tables that
//!   grow leave their smaller selves behind: the peak at 100,000 hosts was 74 MB and is 62 MB, with no more CPU time.
//! - [`release_code`]: reading the configuration, opening the store and making clients touch code that never runs again.
//!   The kernel maps it 64 kB at a time and nothing ever takes it away: 13 MB of the program, of which 4 MB were run. What
//!   is needed again comes back from the page cache at its next use, at well below a microsecond a page. 20.4 MB became
//!   8.6 MB.

use std::path::Path;
use std::time::Duration;

/// Has the kernel give this process and its children no huge pages where the system gives them unasked.
#[cfg(target_os = "linux")]
pub(crate) fn refuse_huge_pages() {
    // SAFETY: this takes plain numbers and changes an attribute of the process that only the page fault handler reads.
    // An old kernel that does not know the request answers with an error, which changes nothing.
    #[expect(
        unsafe_code,
        reason = "there is no safe way to ask for this without a further crate"
    )]
    unsafe {
        libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0);
    }
}

/// Nothing to do here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn refuse_huge_pages() {}

/// The allocator of builds that count allocations.
#[cfg(feature = "count-allocations")]
pub(crate) struct Counting;

#[cfg(feature = "count-allocations")]
#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: everything is handed to mimalloc as it comes; counting neither allocates nor fails.
unsafe impl std::alloc::GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        capstan_runtime::allocations::count();
        // SAFETY: the caller keeps to the contract of `alloc`.
        unsafe { mimalloc::MiMalloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: std::alloc::Layout) -> *mut u8 {
        capstan_runtime::allocations::count();
        // SAFETY: the caller keeps to the contract of `alloc_zeroed`.
        unsafe { mimalloc::MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, ptr: *mut u8, layout: std::alloc::Layout, size: usize) -> *mut u8 {
        capstan_runtime::allocations::count();
        // SAFETY: the caller keeps to the contract of `realloc`.
        unsafe { mimalloc::MiMalloc.realloc(ptr, layout, size) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: std::alloc::Layout) {
        // SAFETY: the caller keeps to the contract of `dealloc`.
        unsafe { mimalloc::MiMalloc.dealloc(ptr, layout) }
    }
}

/// Has the allocator give unused memory back to the system soon.
pub(crate) fn return_memory_soon() {
    /// `mi_option_purge_delay` of mimalloc 2 and 3: the name is not exported.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: this stores a number in the allocator's table of options, which any thread may do at any time; an option that
    // a version does not know is ignored.
    #[expect(unsafe_code, reason = "measured: see the head of the module")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, 100);
    }
}

/// How often code is released at most, from a second on doubled each time: what is used all the time is not to be
/// fetched again and again.
const LONGEST_WAIT: Duration = Duration::from_mins(1);

/// Less growth is not worth it, in bytes.
const GROWTH: usize = 2 << 20;

/// Releases code now, and later whenever more of it has become resident: defining a task or a snapshot touches much that
/// is not needed again for long.
pub(crate) async fn keep_small() {
    let mut wait = Duration::from_secs(1);
    let mut released = release_code();
    loop {
        tracing::debug!(released, "bytes of code that nothing runs are given up");
        let low = resident_files();
        loop {
            capstan_runtime::sleep(wait).await;
            if resident_files() > low + GROWTH {
                break;
            }
        }
        released = release_code();
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Bytes of files that are resident in this process; 0 where that cannot be known.
fn resident_files() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = text
        .split(' ')
        .nth(2)
        .and_then(|pages| pages.parse::<usize>().ok());
    // Only growth counts, so that the true size of a page does not matter much.
    pages.unwrap_or(0) * 4_096
}

/// Takes the program's own code and constants out of the page table; what is used again comes back by itself. Gives how
/// many bytes were given up.
#[cfg(target_os = "linux")]
pub(crate) fn release_code() -> usize {
    let (Ok(maps), Ok(program)) = (
        std::fs::read_to_string("/proc/self/smaps"),
        std::fs::read_link("/proc/self/exe"),
    ) else {
        return 0;
    };
    let mut released = 0;
    for mapping in untouched(&maps, &program) {
        // SAFETY: the range is a private mapping of the running program's file that the loader made, that is not
        // writable and of which no page was ever written (relocated constants have such pages and are left out). Such a
        // mapping lives as long as the process, and a page of it that is dropped reads the same from the file again. The
        // system refuses to write to the file of a running program.
        #[expect(unsafe_code, reason = "measured: see the head of the module")]
        let outcome = unsafe {
            libc::madvise(
                std::ptr::with_exposed_provenance_mut(mapping.start),
                mapping.length,
                libc::MADV_DONTNEED,
            )
        };
        if outcome == 0 {
            released += mapping.resident;
        }
    }
    released
}

/// Nothing to do here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn release_code() -> usize {
    0
}

/// A range of addresses, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mapping {
    start: usize,
    length: usize,
    resident: usize,
}

/// The mappings of file `program` in the text of `/proc/self/smaps` that are readable, private, not writable and have no
/// page of their own.
fn untouched(maps: &str, program: &Path) -> Vec<Mapping> {
    let Some(program) = program.to_str() else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut current: Option<Mapping> = None;
    for line in maps.lines() {
        match head(line, program) {
            Some(Head::Fits(mapping)) => {
                current = Some(mapping);
                continue;
            }
            Some(Head::Other) => {
                current = None;
                continue;
            }
            None => {}
        }
        let Some(mapping) = &mut current else { continue };
        let kilobytes = |name: &str| {
            let value = line.strip_prefix(name)?.trim().strip_suffix("kB")?;
            value.trim().parse::<usize>().ok()
        };
        if let Some(resident) = kilobytes("Rss:") {
            mapping.resident = resident * 1_024;
        } else if let Some(own) = kilobytes("Anonymous:") {
            // The last of what is needed to know.
            if own == 0 && mapping.resident > 0 {
                found.push(*mapping);
            }
            current = None;
        }
    }
    found
}

/// The first line of what is said of a mapping.
enum Head {
    Fits(Mapping),
    Other,
}

/// `None`: the line is not the head of a mapping.
fn head(line: &str, program: &str) -> Option<Head> {
    let (range, rest) = line.split_once(' ')?;
    let (start, end) = range.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let (start, end) = (address(start)?, address(end)?);
    // Permissions, offset, device, inode; then blanks and the path, which may have blanks in it.
    let mut parts = rest.splitn(5, ' ');
    let permissions = parts.next().unwrap_or_default();
    let path = parts.nth(3).unwrap_or_default().trim_start();
    if permissions.starts_with("r-") && permissions.ends_with('p') && path == program {
        return Some(Head::Fits(Mapping {
            start,
            length: end.saturating_sub(start),
            resident: 0,
        }));
    }
    Some(Head::Other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
55d000-55e000 r--p 00000000 fe:00 31339                   /opt/my capstan
Size:                  4 kB
Rss:                   4 kB
Anonymous:             0 kB
VmFlags: rd mr mw me
55e000-570000 r-xp 00001000 fe:00 31339                   /opt/my capstan
Rss:                  64 kB
Anonymous:             0 kB
570000-571000 r--p 00013000 fe:00 31339                   /opt/my capstan
Rss:                   4 kB
Anonymous:             4 kB
571000-572000 rw-p 00014000 fe:00 31339                   /opt/my capstan
Rss:                   4 kB
Anonymous:             0 kB
572000-573000 r-xs 00014000 fe:00 31339                   /opt/my capstan
Rss:                   4 kB
Anonymous:             0 kB
7f0000-7f1000 r-xp 00000000 fe:00 326279                  /usr/lib/libc.so.6
Rss:                   4 kB
Anonymous:             0 kB
7f2000-7f3000 r-xp 00000000 00:00 0
Rss:                   4 kB
Anonymous:             0 kB
";

    #[test]
    fn only_unchanged_read_only_parts_of_the_program_are_given_up() {
        let found = untouched(MAPS, Path::new("/opt/my capstan"));
        let mapping = |start, length, resident| Mapping {
            start,
            length,
            resident,
        };
        assert_eq!(
            found,
            [
                mapping(0x55_d000, 0x1000, 4_096),
                mapping(0x55_e000, 0x1_2000, 65_536)
            ]
        );
    }

    /// Whatever stands in the file, nothing but a mapping of the program is given up.
    #[test]
    fn odd_texts_give_nothing() {
        for text in [
            "",
            "x",
            "1-2",
            "1-2 r-xp",
            "zz-2 r-xp 0 0 0 p",
            "Rss: 4 kB\nAnonymous: 0 kB",
            "9-1 r-xp 0 0 0 p\nRss: x kB",
        ] {
            assert_eq!(untouched(text, Path::new("p")), []);
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_program_goes_on_when_its_pages_are_gone() {
        assert!(release_code() > 0);
        let text: String = (0..1_000).map(|n| n.to_string()).collect();
        assert_eq!(text.len(), 2_890);
    }
}
