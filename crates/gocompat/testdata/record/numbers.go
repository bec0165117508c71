package main

import (
	"encoding/json"
	"math"
	"math/rand"
	"regexp"
	"strconv"
	"time"
)

func recordNumbers() {
	rows := []interface{}{}
	floats := []float64{0, math.Copysign(0, -1), 1, -1, 0.5, 1.5, 2, 10, 100, 1e5, 123456, 999999, 1e6, 1234567, 1e15, 1e20, 1e21, 123456789012345680, 0.1, 0.01, 1e-3, 1e-4, 9.999e-5,
		1e-5, 1e-6, 9e-7, 1e-7, 3.3333333333333335, 2.0 / 3, math.Pi, math.MaxFloat64, math.SmallestNonzeroFloat64, 2.2250738585072014e-308, math.Inf(1), math.Inf(-1), math.NaN(),
		4503599627370496.5, 9007199254740993, 5e-324, 8.41e21, 9.5, 0.95, 99.5, 1.25, 1.35}
	source := rand.New(rand.NewSource(1))
	for i := 0; i < 60; i++ {
		floats = append(floats, math.Float64frombits(source.Uint64()))
		floats = append(floats, (source.Float64()-0.5)*math.Pow(10, float64(source.Intn(20)-6)))
	}
	for _, f := range floats {
		row := map[string]interface{}{"bits": strconv.FormatUint(math.Float64bits(f), 16)}
		for _, verb := range "efgGbxX" {
			for _, precision := range []int{-1, 0, 1, 3, 17} {
				row[string(verb)+strconv.Itoa(precision)] = strconv.FormatFloat(f, byte(verb), precision, 64)
			}
		}
		if text, err := json.Marshal(f); err == nil {
			row["json"] = string(text)
		}
		rows = append(rows, row)
	}
	table("floats", rows)
}

func recordDurations() {
	rows := []interface{}{}
	for _, text := range []string{"", "0", "+0", "-0", "1", "1s", "-1s", "+1s", "1.5h", ".5s", "1.s", ".s", "1h30m", "1h1h", "90m", "1d", "1w", "1us", "1µs", "1μs", "1ns", "1.5ns",
		"0.100000000000000000000h", "9223372036854775807ns", "9223372036854775808ns", "-9223372036854775808ns", "-9223372036854775809ns", "2562047h47m16.854775807s",
		"2562047h47m16.854775808s", "3000000h", "1 s", " 1s", "1s ", "s", "-", "+", "1e3s", "0x1s", "1.2.3s", "100ms", "1m0.5s", "9223372036.854775807s", "0.9223372036854775807h", "1hour", "ms", "é", "1é"} {
		row := map[string]interface{}{"text": text}
		if d, err := time.ParseDuration(text); err != nil {
			row["err"] = err.Error()
		} else {
			row["nanos"] = strconv.FormatInt(int64(d), 10)
			row["out"] = d.String()
		}
		rows = append(rows, row)
	}
	source := rand.New(rand.NewSource(2))
	for i := 0; i < 120; i++ {
		d := time.Duration(int64(source.Uint64()) >> uint(source.Intn(60)))
		rows = append(rows, map[string]interface{}{"text": d.String(), "nanos": strconv.FormatInt(int64(d), 10), "out": d.String()})
	}
	table("durations", rows)
}

func recordTimes() {
	rows := []interface{}{}
	layouts := []string{time.ANSIC, time.UnixDate, time.RubyDate, time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z, time.RFC3339, time.RFC3339Nano,
		time.Kitchen, time.Stamp, time.StampMilli, time.StampMicro, time.StampNano, time.Layout,
		"2006-01-02 15:04:05.999999999 -0700 MST", "2006/1/2 3:4:5pm", "Jan _2 06", "__2 002", "15h04m05s", "05.000", "05,000", "05.0", "05.9999", ".000", "20060102T150405Z0700",
		"Z07", "Z07:00:00", "-07:00:00", "-070000", "Monday January", "Mon. Janus", "Month", "1 01 2 02 _2", "03:04 PM pm", "2006 06", "3.00", "x.000000001", "99.99"}
	for _, nanos := range []int64{0, 1, 31536010120000000, 1700000000123456789, 1709210096000000000, -1, -1000000000, 951782400000000000, 1735689599999999999, math.MaxInt64, math.MinInt64} {
		at := time.Unix(0, nanos).UTC()
		for _, layout := range layouts {
			rows = append(rows, map[string]interface{}{"nanos": strconv.FormatInt(nanos, 10), "layout": layout, "out": at.Format(layout)})
		}
		rows = append(rows, map[string]interface{}{"nanos": strconv.FormatInt(nanos, 10), "layout": "String", "out": at.String()})
	}
	table("times", rows)
}

func recordRegexps() {
	rows := []interface{}{}
	patterns := []string{`a`, `^a`, `a$`, `a*`, `a+?`, `(a)(b)?`, `(?P<name>\w+)=(\d+)`, `(?i)HOST`, `(?s).+`, `.+`, `(?m)^b`, `(?U)a+`, `[a-c]+`, `[^a]`, `[[:alpha:]]+`, `\d{2,3}`, `a{2}`, `a{,3}`, `{,3}`, `\pL+`,
		`\p{Greek}`, `\Qa.b\E`, `\x41`, `\x{263a}`, `\101`, `\bfoo\b`, `\Bo`, `a|ab`, `(a|ab)(c|bcd)`, `\.`, `[.]`, `[\d-x]`, `[a&&b]`, `[a~~b]`, `[[a]]`, `\<a\>`, `a**`, `a{1001}`, `a{2,1}`, `(`, `)`, `[`, `[b-a]`, `\`, `\8`, `(?<n>a)`, `(?P<n>a)(?P<n>b)`,
		`(?P<1n>a)`, `(?=a)`, `(?!a)`, `(?:a)`, `(?z)`, `*`, `+a`, `?`, `a|*`, `\pX`, `\p{Foo}`, `[[:foo:]]`, `x{1000}{1000}`, `\z`, `a\z`, `\Z`, `\A`, `\C`, `^$`, ``, `()`, `(|a)*`, `\s+`, `\w+`, `[\w.-]+@[\w.-]+`, `a.c`, `☺`, `[☺-☻]`, `\t`, `\a`, `\_`, `\é`,
		`(?i)k`, `(?i)ß`, `a{0}`, `a{0,0}`, `(a+)(b+)`, `(?:(a)|b)*`, `[a--b]`, `\pN`, `\PN`, `[\pN]`, `[^\n]`, `\D+`, `(?i:A)b`, `x*y*`, `(((((a)))))`}
	inputs := []string{"", "a", "ab", "abcd", "aaa", "b\nb", "host=12 HOST=345", "foo bar", "α☺A", "a.b", "x-1", "a&b", "<a>", "me@example.com a", "k\u212a", "{,3}", "[a]", "a\nc"}
	for _, pattern := range patterns {
		row := map[string]interface{}{"pattern": pattern}
		re, err := regexp.Compile(pattern)
		if err != nil {
			row["err"] = err.Error()
			rows = append(rows, row)
			continue
		}
		matches := []interface{}{}
		for _, input := range inputs {
			matches = append(matches, re.MatchString(input))
		}
		row["matches"] = matches
		row["inputs"] = inputs
		replaced := []string{}
		for _, input := range inputs {
			replaced = append(replaced, re.ReplaceAllString(input, "<$1|${name}|$$>"))
		}
		row["replaced"] = replaced
		rows = append(rows, row)
	}
	table("regexps", rows)
}
