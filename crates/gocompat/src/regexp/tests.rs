use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Regexp::new(pattern)
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .is_match(text)
}

#[test]
fn go_syntax_means_what_it_means_in_go() {
    for (pattern, text, expected) in [
        (r"\Qa.b\E+", "a.bbb", true),
        (r"^\Qa.b\E+$", "a.ba.b", false),
        (r"\Qa.b", "a.b", true),
        (r"\Q\E", "", true),
        (r"^\101\0\011$", "A\0\t", true),
        (r"^\1012$", "A2", true),
        ("a{,3}", "a{,3}", true),
        ("^a{,3}$", "aaa", false),
        ("a{", "a{", true),
        ("^a{01}$", "a{01}", true),
        ("^a{2}$", "aa", true),
        (r"[[a]]", "[]", true),
        (r"^[a&&b]$", "&", true),
        (r"^[a~~b]+$", "a~b", true),
        (r"^[a\-z]$", "-", true),
        (r"^[]a]$", "]", true),
        (r"^[^]a]$", "]", false),
        (r"^[a-]$", "-", true),
        (r"^[\d-z]$", "-", true),
        (r"\<a\>", "<a>", true),
        (r"\<a\>", "a", false),
        (r"\_", "_", true),
        // Perl classes and word boundaries are ASCII.
        (r"^\d$", "٣", false),
        (r"^\w$", "é", false),
        (r"^\W$", "é", true),
        (r"\bé", "é", false),
        (r"a\B", "ab", true),
        (r"^[\w\s]$", " ", true),
        (r"^[^\W]$", "é", false),
        (r"^[[:word:][:^alpha:]]$", "1", true),
        (r"^\s$", "\u{b}", false),
        (r"^\pL\p{Greek}\P{^Greek}$", "xαα", true),
        (r"^\p{^Greek}$", "x", true),
        (r"^[\p{Lu}\PL]$", "1", true),
        (r"^\p{Any}$", "x", true),
        (r"\p{Cs}", "x", false),
        ("(?i)ABC", "abc", true),
        ("(?i:a)b", "AB", false),
        ("(?)a", "a", true),
        ("(?s).", "\n", true),
        (".", "\n", false),
        ("a$", "a\n", false),
        ("(?m)a$", "a\n", true),
        ("a||b", "", true),
        ("()", "", true),
        ("(?:^)*a", "a", true),
        ("^*a", "a", true),
        (r"\bx", "x", true),
        (r"^\x41\x{263a}$", "A☺", true),
        ("(?P<n>a)(?<2m>b)(?P<n>c)", "abc", true),
        ("# x", "# x", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} on {text:?}");
    }
}

#[test]
fn what_go_refuses_is_refused_with_its_words() {
    for (pattern, message) in [
        ("* no *", "missing argument to repetition operator: `*`"),
        ("a|*", "missing argument to repetition operator: `*`"),
        ("(+?)", "missing argument to repetition operator: `+?`"),
        (r"\Q\E*", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        ("a+?*", "invalid nested repetition operator: `+?*`"),
        ("a{2}{3}", "invalid nested repetition operator: `{2}{3}`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("a{2,1}", "invalid repeat count: `{2,1}`"),
        (
            "a{99999999999999999999}",
            "invalid repeat count: `{99999999999999999999}`",
        ),
        ("(a{100}){11}", "invalid repeat count: `{11}`"),
        ("((a{10}b){10}){11}", "invalid repeat count: `{11}`"),
        ("[a--b]", "invalid character class range: `a--`"),
        ("[z-a]", "invalid character class range: `z-a`"),
        ("[[:foo:]]", "invalid character class range: `[:foo:]`"),
        (r"\p{Nope}", "invalid character class range: `\\p{Nope}`"),
        (r"\pX", "invalid character class range: `\\pX`"),
        (
            r"\p{Alphabetic}",
            "invalid character class range: `\\p{Alphabetic}`",
        ),
        ("[a", "missing closing ]: `[a`"),
        ("x[]a", "missing closing ]: `[]a`"),
        ("(a", "missing closing ): `(a`"),
        ("a)", "unexpected ): `a)`"),
        ("a\\", "trailing backslash at end of expression: ``"),
        (r"\8", "invalid escape sequence: `\\8`"),
        (r"(a)\1", "invalid escape sequence: `\\1`"),
        (r"\Z", "invalid escape sequence: `\\Z`"),
        (r"\C", "invalid escape sequence: `\\C`"),
        (r"[\b]", "invalid escape sequence: `\\b`"),
        (r"\xg", "invalid escape sequence: `\\x`"),
        ("(?=a)", "invalid or unsupported Perl syntax: `(?=`"),
        ("(?x)a", "invalid or unsupported Perl syntax: `(?x`"),
        ("(?i-)a", "invalid or unsupported Perl syntax: `(?i-)`"),
        ("(?P<>a)", "invalid named capture: `(?P<>`"),
        ("(?<=a)", "invalid named capture: `(?<=a)`"),
    ] {
        let error = Regexp::new(pattern).expect_err(pattern);
        assert_eq!(error.to_string(), format!("error parsing regexp: {message}"));
    }
}

#[test]
fn large_and_deep_patterns_are_refused_not_compiled() {
    assert!(Regexp::new(&"(".repeat(5_000)).is_err());
    assert!(Regexp::new(&format!("{}a{}", "(".repeat(5_000), ")".repeat(5_000))).is_err());
    assert!(Regexp::new(r"(\pL{30}){30}").is_err());
    assert!(Regexp::new(&"a".repeat(MAX_PATTERN_BYTES + 1)).is_err());
}

#[test]
fn replacements_expand_as_in_go() {
    for (pattern, text, replacement, expected) in [
        ("a(x*)b", "-ab-axxb-", "T", "-T-T-"),
        ("a(x*)b", "-ab-axxb-", "$1", "--xx-"),
        ("a(x*)b", "-ab-axxb-", "$1W", "---"),
        ("a(x*)b", "-ab-axxb-", "${1}W", "-W-xxW-"),
        ("(?P<n>x)", "x", "<$n>${n}$$ $ ${ ${n $0 $00", "<x>x$ $ ${ ${n x "),
        ("(?P<n>a)|(?P<n>b)", "ab", "[$n]", "[a][b]"),
        ("x*", "abc", "-", "-a-b-c-"),
        ("x*", "axc", "-", "-a-c-"),
        ("é", "éa", "$é", "a"),
    ] {
        assert_eq!(
            Regexp::new(pattern)
                .unwrap()
                .replace_all(text, replacement, 100)
                .as_deref(),
            Some(expected),
            "{pattern} {replacement}"
        );
    }
}

#[test]
fn a_replacement_is_bounded() {
    let regexp = Regexp::new(".").unwrap();
    let tenfold = "$0".repeat(10);
    assert_eq!(
        regexp.replace_all("abc", &tenfold, 30).map(|text| text.len()),
        Some(30)
    );
    assert_eq!(regexp.replace_all("abc", &tenfold, 29), None);
    // Found out after the first match, not after a gigabyte.
    let (text, replacement) = ("a".repeat(1 << 16), "$0".repeat(1 << 16));
    assert_eq!(regexp.replace_all(&text, &replacement, 1 << 20), None);
}

#[test]
fn groups_are_found_by_number() {
    let regexp = Regexp::new("(a)(b)?").unwrap();
    assert_eq!(regexp.captures_len(), 2);
    assert_eq!(
        regexp.find_submatch("xa"),
        Some(vec![Some((1, 2)), Some((1, 2)), None])
    );
    assert_eq!(regexp.find_submatch("x"), None);
}

proptest::proptest! {
    #[test]
    fn no_pattern_makes_it_panic(pattern in r"[\[\]\(\)\\{}\^$|?*+.,:<>=PQEpdxi0-9a-cé-]{0,16}", text in "[a-cé0-9 ]{0,8}") {
        if let Ok(regexp) = Regexp::new(&pattern) {
            let _ = regexp.is_match(&text);
            let _ = regexp.replace_all(&text, &pattern, 1_000);
        }
    }
}
