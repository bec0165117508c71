package main

import (
	"bytes"
	"encoding/json"
	html "html/template"
	"strings"
	text "text/template"
	"time"
)

// datasets are what the templates are applied to, by name.
var datasets = map[string]interface{}{
	"nil":    nil,
	"string": "plain <b> & \"quoted\"",
	"int":    int64(7),
	"alert": map[string]interface{}{
		"Name": "cpu", "TaskName": "task", "Group": "host=serverA", "ID": "cpu:host=serverA", "Level": "CRITICAL", "Message": "cpu is CRITICAL",
		"Tags":     map[string]string{"host": "serverA", "cpu": "cpu-total", "weird key": "v"},
		"Fields":   map[string]interface{}{"value": 97.1, "count": int64(1000000), "big": 1e6, "ok": true, "state": "up", "none": nil, "usage": 0.5},
		"Time":     time.Date(1971, 1, 1, 0, 0, 10, 120000000, time.UTC),
		"Duration": 90 * time.Second,
		"ServerInfo": map[string]string{"Hostname": "h", "ClusterID": "c", "ServerID": "s"},
	},
	"mixed": map[string]interface{}{
		"zero": int64(0), "one": int64(1), "neg": int64(-3), "pi": 3.14159, "empty": "", "text": "hello", "yes": true, "no": false, "nil": nil,
		"list": []interface{}{int64(1), "two", 3.0, nil}, "strings": []string{"a", "b", "c"}, "none": []interface{}{}, "map": map[string]interface{}{"b": int64(2), "a": int64(1), "n": nil},
		"nested": map[string]interface{}{"x": map[string]interface{}{"y": map[string]interface{}{"z": "deep"}}}, "emptymap": map[string]interface{}{}, "bytes": []byte("hi"),
		"matrix": []interface{}{[]interface{}{int64(1), int64(2)}, []interface{}{int64(3)}}, "html": "<script>alert('x')</script>", "url": "http://x/?a=b&c=d e", "js": "it's \"x\" </script>",
		"unicode": "hé☺", "dur": time.Minute, "time": time.Date(2023, 11, 14, 22, 13, 20, 5, time.UTC), "later": time.Date(2024, 2, 29, 12, 34, 56, 0, time.UTC),
	},
	"event": event{
		ID: "ev", Level: "OK", Time: time.Date(2020, 2, 29, 23, 59, 59, 0, time.UTC), Duration: 2 * time.Hour,
		Tags: map[string]string{"host": "a"}, Fields: map[string]interface{}{"v": int64(5), "s": "str"},
	},
	"content": map[string]interface{}{
		"HTML": html.HTML("<b title='x'>bold &amp; +</b>"), "JS": html.JS("f(1)"), "JSStr": html.JSStr("a\\nb'"), "URL": html.URL("javascript:x('y')"),
		"CSS": html.CSS("color: red"), "Attr": html.HTMLAttr("dir=\"ltr\""), "Srcset": html.Srcset("a.png 1x"), "bad": "javascript:alert(1)", "lt": "a<b>&'\"+=`\x00 c\t",
		"expr": "expression(1)", "color": "#fff", "size": "10px", "name": "title", "on": "onclick", "num": int64(3), "float": 1.5, "bool": true, "nil": nil, "dur": time.Second,
		"map": map[string]interface{}{"a": "<x>", "b": nil, "c": []interface{}{1.5, "y"}}, "list": []interface{}{int64(1), "a"}, "sep": "x\u2028y\u2029z", "query": "a b&c=d/é?#",
		"srcs": "a.png 1x, javascript:x 2x, /b c.png", "time": time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC), "month": time.March, "empty": "", "nan": "\ufdd0\ufff0",
	},
}

var functions = map[string]interface{}{
	"json": func(v interface{}) html.JS {
		var out bytes.Buffer
		json.NewEncoder(&out).Encode(v)
		return html.JS(out.String())
	},
	"upper":  strings.ToUpper,
	"repeat": func(count int, s string) string { return strings.Repeat(s, count) },
	"join":   func(sep string, all ...string) string { return strings.Join(all, sep) },
	"later":  func(d time.Duration, f float64, b bool, n int64) string { return d.String() },
	"many":   func(all ...interface{}) int { return len(all) },
}

func recordTemplates() {
	sets := map[string]interface{}{}
	for name, data := range datasets {
		sets[name] = tag(data)
	}
	rows := []interface{}{map[string]interface{}{"datasets": sets}}
	add := func(kind, name, data, option, body string) {
		row := map[string]interface{}{"kind": kind, "name": name, "data": data, "text": body}
		if option != "" {
			row["missingkey"] = option
		}
		var out bytes.Buffer
		var err error
		if kind == "html" {
			var t *html.Template
			t, err = html.New(name).Funcs(functions).Parse(body)
			if err == nil && option != "" {
				t.Option("missingkey=" + option)
			}
			if err == nil {
				err = t.Execute(&out, datasets[data])
			}
		} else {
			var t *text.Template
			t, err = text.New(name).Funcs(functions).Parse(body)
			if err == nil && option != "" {
				t.Option("missingkey=" + option)
			}
			if err == nil {
				err = t.Execute(&out, datasets[data])
			}
		}
		if err != nil {
			row["err"] = err.Error()
		} else {
			row["out"] = out.String()
		}
		rows = append(rows, row)
	}
	for _, data := range []string{"alert", "mixed", "event", "nil", "int", "string"} {
		for _, body := range textCases[data] {
			add("text", "message", data, "", body)
		}
	}
	for _, body := range parseErrors {
		add("text", "t", "mixed", "", body)
	}
	for _, option := range []string{"zero", "error", "default"} {
		for _, body := range []string{"{{.missing}}", "{{.nested.missing.x}}", "{{.nested.q.x}}", "{{index .map \"q\"}}", "{{.missing.x}}"} {
			add("text", "opt", "mixed", option, body)
		}
		add("text", "opt", "alert", option, "{{.Tags.q}}|{{.Fields.q}}")
		add("html", "opt", "alert", option, "{{.Tags.q}}|{{.Fields.q}}")
	}
	for _, data := range []string{"alert", "mixed", "content", "event", "nil", "string"} {
		for _, body := range htmlCases[data] {
			add("html", "details", data, "", body)
		}
	}
	// What alerts of text can say, details can say too.
	for _, body := range textCases["alert"] {
		add("html", "details", "alert", "", body)
	}
	for _, body := range parseErrors {
		add("html", "t", "mixed", "", body)
	}
	table("templates", rows)
}

var parseErrors = []string{
	"{{", "{{ ", "{{.x", "}}", "{{}}", "{{ }}", "{{.x}", "a\nb {{ .x | }} c", "{{| .x}}", "{{.x | 1}}", "{{.x | \"a\"}}", "{{.x | .}}", "{{.x | nil}}", "{{1 | true}}", "{{nil}}", "{{nil.x}}", "{{1.x}}", "{{\"a\".x}}", "{{true.x}}",
	"{{if}}x{{end}}", "{{if .x}}x", "{{if .x}}{{else}}", "{{if .x}}{{else}}{{else}}{{end}}", "{{end}}", "{{else}}", "{{range}}{{end}}", "{{with}}{{end}}", "{{range .x}}{{else if .y}}{{end}}", "{{with .x}}{{else if .y}}b{{end}}", "{{if .x}}{{else range .y}}{{end}}",
	"{{template}}", "{{template foo}}", "{{template \"x\"}}", "{{template \"x\" . .}}", "{{template .x}}", "{{define}}{{end}}", "{{define x}}{{end}}", "{{define \"x\"}}", "{{define \"x\"}}{{else}}{{end}}", "{{define \"x\" .}}{{end}}", "{{if .x}}{{define \"x\"}}{{end}}{{end}}",
	"{{block \"x\"}}{{end}}", "{{block x .}}{{end}}", "{{block \"x\" .}}", "{{block \"x\" .}}{{else}}{{end}}", "{{break}}", "{{continue}}", "{{if .x}}{{break}}{{end}}", "{{range .list}}{{break 1}}{{end}}", "{{range .list}}{{define \"q\"}}{{break}}{{end}}{{end}}",
	"{{foo}}", "{{foo .x}}", "{{.x | foo}}", "{{$x}}", "{{$x.y}}", "{{$x = 1}}", "{{$x := }}", "{{$x :=}}", "{{$x := 1}}{{$x := 2}}{{$x}}", "{{$x, $y := .x}}", "{{range $x, $y, $z := .x}}{{end}}", "{{range $x, 1 := .x}}{{end}}", "{{range $x,}}{{end}}", "{{if $x, $y := .x}}{{end}}", "{{$x : 1}}", "{{$x 1}}", "{{with $v := .x}}{{end}}{{$v}}", "{{$1}}", "{{$ x}}",
	"{{(.x}}", "{{.x)}}", "{{()}}", "{{(1) 2}}", "{{(.x) .y}}", "{{((.x))}}", "{{(.x).y}}", "{{(1).y}}", "{{printf (}}", "{{printf)}}", "{{'a}}", "{{'ab'}}", "{{''}}", "{{'\\x'}}", "{{'\\q'}}", "{{\"abc}}", "{{\"a\nb\"}}", "{{\"\\q\"}}", "{{\"\\x4\"}}", "{{`abc}}", "{{\"\\'\"}}",
	"{{1e}}", "{{0x}}", "{{0xg}}", "{{08}}", "{{0b2}}", "{{0o8}}", "{{1_}}", "{{_1}}", "{{1__0}}", "{{99999999999999999999}}", "{{9223372036854775808}}", "{{-9223372036854775809}}", "{{1.2.3}}", "{{1a}}", "{{+}}", "{{-}}", "{{.}}{{.1}}", "{{. .}}", "{{1 .}}", "{{.x .y}}", "{{true .x}}", "{{\"a\" .x}}", "{{1 2}}", "{{.x.}}", "{{..}}", "{{.x..y}}", "{{.x!}}", "{{!x}}", "{{.x,y}}", "{{.x , .y}}", "{{.x=1}}", "{{.x := 1}}", "{{.x+1}}", "{{.x-1}}", "{{$x+1}}", "{{x.y}}",
	"{{/* a }}", "{{/* a */ }}", "{{/* a */}}", "{{/* a */ -}}  b", "{{- /* a */ -}}", "{{ /* a */}}", "{{/*a*/b}}", "a {{- .text}}", "{{-.text}}", "{{- .text -}} b", "{{.text-}}", "{{.text -}}\n\n b", "a \n{{- 3 -}} \t b", "{{-3}}", "{{- 3}}", "a{{-}}", "a {{- }}", "a{{ - }}b", "{{.x -}", "{{#}}", "{{☺}}", "{{.☺}}", "{{.x☺}}", "{{é}}", "{{.é}}", "{{\x01}}", "{{.x\x01}}", "{{@}}", "{{.x @}}", "{{\"aaaaaaaaaaaaaaaaaaaaaa\" ]}}", "{{.x \"a\" ]}}", "{{if .x}}\n\n{{.y | }}\n{{end}}", "{{if .x\n}}{{\n.y ] }}{{end}}", "{{.x\n\n", "{{.x\n\n\"", "line1\nline2 {{if}}", "{{range .x}}\n{{end}}\n{{end}}",
	"{{eq}}", "{{len}}", "{{index}}", "{{printf}}", "{{lt 1}}", "{{not}}", "{{and}}", "{{or}}", "{{call}}", "{{html}}", "{{print}}", "{{slice}}", "{{upper}}", "{{break.x}}", "{{if.x}}{{end}}", "{{end.x}}", "{{nilx}}", "{{truex}}", "{{true}}", "{{.true}}", "{{.if}}", "{{.nil}}", "{{define \"t\"}}a{{end}}b", "{{define \"t\"}}a{{end}}", "{{define \"x\"}}a{{end}}{{define \"x\"}}b{{end}}", "{{define \"x\"}}a{{end}}{{define \"x\"}} {{end}}{{template \"x\"}}", "{{define \"x\"}} {{end}}{{define \"x\"}}b{{end}}{{template \"x\"}}", "{{define `x`}}raw{{end}}{{template \"x\"}}", "{{define \"x\"}}{{$y}}{{end}}{{$y := 1}}",
	"{{1+2i}}", "{{template \"a b\\\"c\" .}}", "{{1 |}}", "{{.x | | .y}}", "{{with $x := 1 | printf \"%d\"}}{{$x}}{{end}}", "{{ .x \t\n | \n print }}", "{{\n.text\n}}", "{{.text}}}", "{{{.text}}}", "{{ {{.x}} }}",
}

var textCases = map[string][]string{
	"alert": {
		"{{ .Name }}:{{ .Group }}", "{{ .ID }} is {{ .Level }}", "{{ index .Tags \"host\" }}", "{{ .Tags.host }}", "{{ .Tags.nope }}", "{{ index .Tags \"nope\" }}|", "{{ index .Fields \"value\" }}", "{{ .Fields.value }}", "{{ .Fields.count }} {{ .Fields.big }} {{ .Fields.ok }} {{ .Fields.none }} {{ .Fields.nope }}",
		"{{ .Time }}", "{{ .Time.Unix }} {{ .Time.UnixNano }} {{ .Time.UnixMilli }} {{.Time.UnixMicro}}", "{{ .Time.Format \"2006-01-02T15:04:05.000Z07:00\" }}", "{{ .Time.Year }}-{{ .Time.Month }}-{{ .Time.Day }} {{ .Time.Hour }}:{{ .Time.Minute }}:{{ .Time.Second }}.{{ .Time.Nanosecond }} {{ .Time.Weekday }} {{ .Time.YearDay }}", "{{ printf \"%d\" .Time.Month }}", "{{ .Time.UTC }} {{ .Time.IsZero }}", "{{ .Duration }} {{ .Duration.Seconds }} {{ .Duration.Minutes }} {{ .Duration.Hours }} {{ .Duration.Nanoseconds }} {{ .Duration.Milliseconds }} {{.Duration.Microseconds}} {{ .Duration.String }}",
		"{{ if eq .Level \"CRITICAL\" }}crit{{ else if eq .Level \"WARNING\" }}warn{{ else }}ok{{ end }}", "{{ if ne .Level \"OK\" }}not ok{{ end }}", "{{ range $k, $v := .Tags }}{{ $k }}={{ $v }},{{ end }}", "{{ range .Fields }}[{{ . }}]{{ end }}", "{{ range $k, $v := .Fields }}{{ $k }}={{ $v }};{{ end }}", "{{ printf \"%.2f\" (index .Fields \"value\") }}", "{{ .Fields.value | printf \"%0.1f%%\" }}", "{{ with .Fields.state }}state {{ . }}{{ else }}none{{ end }}", "{{ with .Fields.nope }}a{{ else }}b {{ .Name }}{{ end }}", "{{ .Tags }}", "{{ .Fields }}", "{{ len .Tags }} {{ len .Name }}", "{{ .ServerInfo.Hostname }}", "{{ .Tags.host | upper }}", "{{ upper .Tags.host }}", "{{ upper .Fields.value }}", "{{ upper .Fields.state }}", "{{ upper .Fields.none }}", "{{ upper .Fields.nope }}", "{{ upper .Tags.nope }}", "{{ if gt .Fields.value 90.0 }}high{{ end }}", "{{ if gt .Fields.value 90 }}high{{ end }}", "{{ if gt .Fields.count 90 }}high{{ end }}", "{{ if and .Fields.ok (eq .Tags.host \"serverA\") }}both{{ end }}", "{{ if or .Fields.none .Fields.state }}one{{ end }}", "{{ or .Fields.none .Fields.nope \"dflt\" }}", "{{ and .Fields.ok .Fields.state .Fields.none }}", "{{ not .Fields.ok }}", "{{ $h := .Tags.host }}{{ $h }}{{ $h = \"x\" }}{{ $h }}", "{{ html .Group }}", "{{ urlquery .Group \"/a b?\" }}", "{{ js \"it's\" }}", "{{ index .Tags \"weird key\" }}", "{{ .Tags.host.x }}", "{{ .Fields.value.x }}", "{{ .Fields.none.x }}", "{{ .Fields.nope.x }}", "{{ .Nope }}", "{{ .Nope.x.y }}", "{{ .Name.x }}", "{{ .Time.Nope }}", "{{ .Time.Unix 1 }}", "{{ .Time.Format }}", "{{ .Time.Format 1 }}", "{{ .Time.Format .Name }}", "{{ .Time.Format .Fields.value }}", "{{ .Time.Format .Fields.nope }}", "{{ \"15:04\" | .Time.Format }}", "{{ .Time.Add .Duration }}", "{{ .Time.Add 1000000000 }}", "{{ .Time.Add .Fields.count }}", "{{ .Time.Sub .Time }}", "{{ (.Time.Add .Duration).Unix }}", "{{ .Time.After .Time }} {{ .Time.Before (.Time.Add 1) }} {{ .Time.Equal .Time }}", "{{ .Time.AddDate 0 1 30 }}", "{{ .Time.AddDate -1 -13 -400 }}", "{{ .Time.Truncate 3600000000000 }} {{ .Time.Round 1000000000 }}", "{{ .Time.Date }}", "{{ .Time.ISOWeek }}", "{{ .Duration.Round 60000000000 }} {{ .Duration.Truncate 60000000000 }}", "{{ .Duration.Abs }}", "{{ eq .Duration 90000000000 }}", "{{ lt .Duration 90000000001 }}", "{{ if .Duration }}d{{ end }}{{ if .Time }}t{{ end }}", "{{ printf \"%v %d %s %T\" .Duration .Duration .Duration .Duration }}", "{{ printf \"%T %T %T %T %T %T\" .Fields.value .Fields.count 1 1.0 .Tags .Fields }}", "{{ printf \"%q %x %v\" .Name .Name .Tags }}", "{{ printf \"%d\" .Name }}", "{{ printf \"%s %s\" .Name }}", "{{ printf .Name 1 }}", "{{ printf 1 2 }}", "{{ printf }}", "{{ print 1 2 \"a\" \"b\" 3 }}|{{ println .Name 1.5 }}|", "{{ print .Fields.nope }} {{ print .Fields.none }} {{ print nil }} {{ print .Nope 1 }}", "{{ json . }}", "{{ json .Fields }}", "{{ json .Time }} {{ json .Duration }} {{ json nil }} {{ json .Fields.nope }}", "{{ json .Name | print }}", "{{ . }}", "{{ printf \"%v\" . }}", "{{ len .Fields.none }}", "{{ len .Fields.nope }}", "{{ len 3 }}", "{{ len .Time }}", "{{ index .Fields.none \"a\" }}", "{{ index .Nope \"a\" }}", "{{ index .Tags 1 }}", "{{ index .Tags }}", "{{ index .Tags .Nope }}", "{{ index .Tags nil }}", "{{ index .Name 0 }} {{ printf \"%c\" (index .Name 0) }}", "{{ index .Fields \"state\" 1 }}", "{{ index .Fields \"nope\" \"x\" }}", "{{ index .Time \"x\" }}", "{{ slice .Name 1 }} {{ slice .Name 1 2 }} {{ slice .Name }}", "{{ slice .Name 2 1 }}", "{{ slice .Name 9 }}", "{{ slice .Name 0 1 2 }}", "{{ slice .Time 1 }}", "{{ slice .Nope 1 }}", "{{ slice .Name -1 }}", "{{ .Name 1 }}", "{{ .Tags.host 1 }}", "{{ 1 | .Name }}", "{{ .Name | .Group }}", "{{ $ }}", "{{ range .Tags }}{{ $.Name }}{{ end }}", "{{ with .Tags }}{{ .host }}{{ $.Name }}{{ end }}", "{{ range .Name }}{{ end }}", "{{ range .Fields.count }}{{ end }}", "{{ range .Fields.none }}x{{ else }}empty{{ end }}", "{{ range .Nope }}x{{ else }}empty{{ end }}",
		"{{ template \"x\" . }}{{ define \"x\" }}<{{ .Name }}>{{ end }}", "{{ template \"x\" }}{{ define \"x\" }}<{{ . }}>{{ end }}", "{{ template \"nope\" . }}", "{{ define \"x\" }}{{ template \"y\" .Tags }}{{ end }}{{ define \"y\" }}{{ .host.x }}{{ end }}{{ template \"x\" . }}", "{{ block \"b\" .Tags }}{{ .host }}{{ end }}", "{{ $x := 1 }}{{ define \"x\" }}{{ $ }}{{ end }}{{ template \"x\" $x }}",
		"{{ eq 1 1 }} {{ eq 1 2 3 1 }} {{ eq \"a\" \"b\" \"a\" }} {{ eq 1.5 1.5 }} {{ eq true false }}", "{{ eq 1 1.0 }}", "{{ eq 1 \"a\" }}", "{{ eq .Fields.count 1000000 }}", "{{ eq .Tags .Tags }}", "{{ eq .Tags nil }}", "{{ eq .Nope nil }} {{ eq nil .Nope }} {{ eq .Fields.none nil }} {{ eq .Fields.none .Nope }}", "{{ eq .Nope 1 }} {{ ne .Nope 1 }}", "{{ eq .Time .Time }} {{ eq .Time .Tags }}", "{{ eq 1 }}", "{{ ne 1 2 3 }}", "{{ lt 1 2 }} {{ le 2 2 }} {{ gt 1 2 }} {{ ge 2 2 }} {{ lt \"a\" \"b\" }} {{ lt 1.5 2.5 }}", "{{ lt 1 1.5 }}", "{{ lt true false }}", "{{ lt .Tags 1 }}", "{{ lt .Nope 1 }}", "{{ lt 1 .Nope }}", "{{ le .Fields.value 97.1 }}", "{{ ge 1 \"x\" }}", "{{ eq (index .Name 0) 99 }} {{ lt (index .Name 0) 100 }}", "{{ not 1 2 }}", "{{ and 0 (index .Nope 1) }}", "{{ and 1 (index .Nope 1) }}", "{{ or 1 (index .Nope 1) }}", "{{ 0 | or 0 }} {{ 5 | and 1 }} {{ 5 | and 0 }}", "{{ or }}", "{{ 1 | or }}", "{{ call .Name }}", "{{ call .Nope }}", "{{ call nil }}", "{{ 1 | 2 }}",
		"{{ repeat 3 .Name }} {{ \"x\" | repeat 2 }}", "{{ repeat .Fields.count \"x\" }}", "{{ repeat \"x\" 3 }}", "{{ repeat 1.5 \"x\" }}", "{{ repeat 1 }}", "{{ repeat nil \"x\" }}", "{{ repeat true \"x\" }}", "{{ repeat 2.0 \"x\" }}", "{{ join \",\" }}|{{ join \",\" \"a\" }}|{{ join \",\" \"a\" .Name }}|{{ \"z\" | join \",\" \"a\" }}|{{ \"z\" | join }}", "{{ join }}", "{{ join \",\" 1 }}", "{{ later 1000 1 true 5 }} {{ later .Duration 1.5 .Fields.ok .Fields.count }}", "{{ later \"x\" 1 true 1 }}", "{{ later 1 \"x\" true 1 }}", "{{ later 1 1 1 1 }}", "{{ later 1 1 true 1.5 }}", "{{ later .Name 1 true 1 }}", "{{ many }} {{ many 1 nil .Nope . }} {{ 1 | many }}", "{{ many (1) }} {{ (many 1 2).x }}", "{{ many.x }}", "{{ (index .Tags \"host\").x }}", "{{ (.Tags).host }} {{ (.Fields.nope).x }} {{ (.Fields.none).x }}", "{{ $.Tags.host }} {{ $x := .Tags }}{{ $x.host }} {{ $x.nope }}", "{{ $x := .Name }}{{ $x.y }}", "{{ $x := .Time }}{{ $x.Unix }} {{ $x.Format \"06\" }} {{ \"06\" | $x.Format }}", "{{ $x := 5 }}{{ $x 1 }}", "{{ $x := 5 }}{{ 1 | $x }}", "{{ if $x := .Name }}{{ $x }}{{ end }}", "{{ with $x := .Tags }}{{ $x.host }}{{ .cpu }}{{ end }}",
		"{{ .Name | printf \"%s-%s\" .Level | upper | printf \"%q\" }}", "{{ (printf \"%d\" 5) | print \"x\" }}", "{{ print (print (print 1)) }}", "{{ 'a' }} {{ '\\n' }} {{ '☺' }} {{ '\\x41' }} {{ '\\'' }} {{ '\"' }}", "{{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ 1e3 }} {{ 1.5e-3 }} {{ -5 }} {{ +5 }} {{ .5 }} {{ 5. }} {{ 0x1p4 }} {{ 0x_1F }} {{ 1e21 }} {{ 100000000 }} {{ 1e6 }} {{ -0 }} {{ -0.0 }}", "{{ 9223372036854775807 }} {{ -9223372036854775808 }}", "{{ 18446744073709551615 }}", "{{ print 18446744073709551615 }}", "{{ 1e19 }} {{ 0xFFFFFFFFFFFFFFFF }}", "{{ \"a\\tb\\u263a\\x41\\101\\\"\" }} {{ `raw \\n {{ x` }}", "{{ true }} {{ false }} {{ true | print }}", "{{ .Fields.nope | print }} {{ nil | print }}", "{{ .Fields.nope | upper }}", "{{ .Nope | len }}",
		"a {{- /* c */ -}} b {{ \"x\" -}} c\n{{- \"y\" }} d", "{{/* comment */}}{{ .Name }}{{- /* another\n */ -}}  end", "{{ range $i, $e := .Tags }}{{ if $i }}{{ $i }}{{ end }}{{ end }}",
	},
	"mixed": {
		"{{range .list}}[{{.}}]{{end}}", "{{range $i, $e := .list}}{{$i}}:{{$e}} {{end}}", "{{range $e := .strings}}{{$e}}{{end}}", "{{range $i, $e := .strings}}{{if $i}}, {{end}}{{$e}}{{end}}", "{{range .none}}x{{else}}empty{{end}}", "{{range .emptymap}}x{{else}}empty{{end}}", "{{range $k, $v := .map}}{{$k}}={{$v}} {{end}}", "{{range .matrix}}{{range .}}{{.}},{{end}};{{end}}", "{{range .list}}{{if eq . 1}}{{continue}}{{end}}{{.}} {{end}}", "{{range .list}}{{if .}}{{.}}{{else}}{{break}}{{end}}{{end}}", "{{range $i, $e := .strings}}{{if eq $i 1}}{{continue}}{{end}}{{$e}}{{end}}", "{{range $i, $e := .strings}}{{if eq $i 1}}{{break}}{{end}}{{$e}}{{end}}!", "{{range .strings}}{{range $.strings}}{{if eq . \"b\"}}{{break}}{{end}}{{.}}{{end}}|{{end}}", "{{range .strings}}{{with .}}{{if eq . \"b\"}}{{continue}}{{end}}{{.}}{{end}}{{end}}", "{{$x := 0}}{{range .strings}}{{$x = .}}{{end}}{{$x}}", "{{$x := 0}}{{range $x = .strings}}{{$x}}{{end}}{{$x}}", "{{range $i, $e := .list}}{{$e := $i}}{{$e}}{{end}}", "{{.list}} {{.strings}} {{.map}} {{.bytes}} {{.none}}", "{{index .list 0}} {{index .list 1}} {{index .list 3}}", "{{index .list 4}}", "{{index .list 5}}", "{{index .list -1}}", "{{index .list \"a\"}}", "{{index .list nil}}", "{{index .list 1.5}}", "{{index .list .one}}", "{{index .matrix 0 1}} {{index .nested \"x\" \"y\" \"z\"}} {{index .nested \"q\" \"y\"}}", "{{index .map \"a\" \"b\"}}", "{{index .strings 1 0}}", "{{index .text 5}}", "{{index .text 4}}", "{{index .bytes 0}}", "{{index .bytes 2}}", "{{slice .list 1 3}} {{slice .strings 1}} {{slice .strings 1 2 3}} {{slice .bytes 1}}", "{{slice .strings 1 2 9}}", "{{slice .strings 1 3 2}}", "{{slice .strings 1 2 3 4}}", "{{slice .unicode 0 1}}", "{{len .list}} {{len .map}} {{len .unicode}} {{len .none}} {{len .bytes}}", "{{.nested.x.y.z}} {{.nested.x.q}} {{.nested.q.y}}", "{{.nested.x.y.z.w}}", "{{.list.x}}", "{{.strings.x}}", "{{.bytes.x}}", "{{.one.x}}", "{{.map.n.x}}", "{{range .list}}{{.x}}{{end}}", "{{range .strings}}{{.x}}{{end}}", "{{with .nil}}a{{else}}b{{end}}", "{{if .zero}}a{{else}}b{{end}}{{if .empty}}a{{else}}b{{end}}{{if .none}}a{{else}}b{{end}}{{if .emptymap}}a{{else}}b{{end}}{{if .nil}}a{{else}}b{{end}}{{if .no}}a{{else}}b{{end}}{{if .missing}}a{{else}}b{{end}}{{if 0.0}}a{{else}}b{{end}}", "{{if .one}}a{{end}}{{if .text}}b{{end}}{{if .list}}c{{end}}{{if .map}}d{{end}}{{if .yes}}e{{end}}{{if .pi}}f{{end}}{{if .neg}}g{{end}}", "{{if not .zero}}{{if and .one .text}}x{{end}}{{end}}", "{{html .html}}|{{js .js}}|{{urlquery .url}}|{{html .nil}}|{{html .missing}}|{{html 1 2 \"a\"}}|{{js .unicode}}|{{urlquery .unicode}}|{{js \"a\\u2028b\\x01=<>&'\\\"\"}}", "{{.dur}} {{.time}} {{.time.Sub .later}} {{.later.Sub .time}} {{.later.Weekday}} {{.later.YearDay}} {{.later.AddDate 1 0 0}}", "{{.time.Round .dur}} {{.time.Truncate .dur}}", "{{eq .nil nil}} {{eq .one 1}} {{eq .list .list}}", "{{eq .list 1}}", "{{eq .list .map}}", "{{eq .map .nil}} {{eq .nil .list}}", "{{lt .one 2}} {{lt .text \"world\"}} {{gt .pi 3.0}}", "{{printf \"%v %v %v\" .list .map .nil}}", "{{printf \"%+v %#v\" .list .map}}", "{{printf \"%5.1f|%-8s|%08d|%x|%t|%e\" .pi .text .one .text .yes .pi}}", "{{printf \"%*d|%[2]d\" 5 42}}", "{{printf \"%s\" .list}} {{printf \"%d\" .list}} {{printf \"%q\" .strings}}", "{{printf \"%v\" .missing}} {{printf \"%s\" .nil}} {{printf \"%d\" nil}}", "{{define \"rec\"}}{{if .}}{{len .}}{{template \"rec\" (slice . 1)}}{{end}}{{end}}{{template \"rec\" .strings}}", "{{json .}}", "{{json .list}} {{json .bytes}} {{json .html}} {{json .unicode}} {{json .pi}} {{json 1e21}} {{json 1e-7}}", "{{.text}}\n{{.missing.a}}\n  {{.one.b}}", "x\n{{if .yes}}\n  {{index .list 99}}\n{{end}}", "{{range .strings}}{{index . 9}}{{end}}", "{{define \"inner\"}}\n{{.x.y.z}}{{end}}{{range .strings}}{{template \"inner\" .}}{{end}}", "{{printf \"%d\" (index .list 9)}}", "{{(index .list 9) | printf \"%d\"}}", "{{with $x := index .list 9}}{{end}}", "{{$y := index .list 9}}", "{{if eq .one \"a\"}}{{end}}", "{{if (lt .one .text)}}{{end}}", "{{template \"q\" index .list 9}}{{define \"q\"}}{{end}}", "{{.text | index .map}}", "{{\"a\" | index .map}} {{1 | index .list}}", "{{.one | printf \"%03d\"}} {{.one | printf \"%s\"}}", "{{range $i, $_ := .list}}{{$i}}{{end}}", "{{$a := 1}}{{$b := 2}}{{$a = $b}}{{$a}} {{if true}}{{$a = 5}}{{$c := 7}}{{$c}}{{end}}{{$a}}", "{{$x := .map}}{{range $k, $v := $x}}{{$k}}{{$x.a}}{{end}}",
	},
	"event": {
		"{{.}}", "{{printf \"%+v\" .Tags}}", "{{.ID}} {{.Level}} {{.Time}} {{.Duration}} {{.Tags.host}} {{.Fields.v}} {{.Empty}}", "{{.Hello \"x\" 2}}", "{{.Host}}", "{{.Host.x}}", "{{.Fail}}", "{{.Hello}}", "{{.Hello 1 2}}", "{{.Hello \"x\"}}", "{{2 | .Hello \"x\"}}", "{{.Hello \"x\" .Fields.v}}", "{{.nope}}", "{{.Nope}}", "{{.ID 1}}", "{{.Empty.x}}", "{{if .}}yes{{end}}", "{{len .}}", "{{index . \"ID\"}}", "{{range .}}{{end}}", "{{json .}}", "{{with .Empty}}a{{else}}b{{end}}", "{{.Time.AddDate 1 0 0}} {{.Time.AddDate 0 12 1}} {{.Time.Month | printf \"%d\"}} {{.Time.Weekday | printf \"%v %d\" .Time.Month}}", "{{eq .Time.Month 2}} {{.Time.Month.String}} {{eq .Time.Weekday 6}}", "{{$e := .}}{{$e.Host}} {{$e.Hello \"y\" 1}}", "{{upper .ID}} {{.ID | upper}} {{upper .Empty}}", "{{print .Empty}} {{eq .Empty nil}} {{not .Empty}}", "{{printf \"%s\" .Fail}}", "{{.Tags.host.y}}", "{{.Time.y}}",
	},
	"nil":    {"{{.}}", "{{.x}}", "{{.x.y}}", "{{if .}}a{{else}}b{{end}}", "{{range .}}a{{else}}b{{end}}", "{{with .}}a{{else}}b{{end}}", "{{print .}}", "{{len .}}", "{{index . 1}}", "{{eq . nil}}", "{{upper .}}", "", "plain", "{{\"x\"}}"},
	"int":    {"{{.}}", "{{.x}}", "{{if .}}a{{end}}", "{{range .}}{{end}}", "{{len .}}", "{{index . 1}}", "{{eq . 7}}", "{{. | printf \"%03d\"}}", "{{. 1}}", "{{1 | .}}", "{{$.x}}"},
	"string": {"{{.}}", "{{.x}}", "{{len .}}", "{{range .}}{{end}}", "{{html .}}", "{{js .}}", "{{urlquery .}}", "{{. | printf \"%q\"}}", "{{slice . 0 5}}"},
}

var htmlCases = map[string][]string{
	"alert": {
		"{{ json . }}", "<p>{{ json .Fields }}</p>", "<h1>{{ .ID }}</h1><b>{{ .Message }}</b> Value: {{ index .Fields \"value\" }}", "<a href=\"http://x/?q={{ .Group }}\">{{ .Name }}</a>", "<script>var x = {{ json . }};</script>", "<script>var x = {{ .Fields }}, y = \"{{ .Name }}\";</script>", "<p>{{ .Fields.nope }}|{{ .Tags.nope }}|{{ .Fields.none }}</p>", "{{ range $k, $v := .Tags }}<li>{{ $k }}: {{ $v }}</li>{{ end }}",
	},
	"mixed":  {"{{.html}}", "{{.html | html}}", "{{html .html}}", "{{html .html .one}}", "{{.html | html | print}}", "{{.url | urlquery}}", "<a href=\"{{.url}}\">", "<a href=\"/?q={{.url}}\">", "<a href=\"/?q={{.url | urlquery}}\">", "<a href='{{.url}}'>", "<a href={{.url}}>", "<a title='{{.html}}'>", "<a title={{.html}}>", "<a title={{.html | html}}>", "{{.missing}}|{{.nil}}|{{.list}}|{{.map}}|{{.dur}}|{{.time}}", "{{.unicode}}", "{{if .yes}}<a href='{{.url}}'>{{else}}<b>{{end}}x", "{{if .yes}}<a href='{{else}}<b title='{{end}}'>", "{{if .yes}}\"{{else}}'{{end}}", "<a {{if .yes}}href='{{.url}}'{{end}}>", "<a href='{{if .yes}}/x?{{else}}/y{{end}}{{.text}}'>", "<script>{{if .yes}}var x = 1{{else}}f({{end}}/ 2</script>", "{{range .strings}}<b>{{.}}</b>{{end}}", "{{range .strings}}<b{{end}}", "<a{{range .strings}} {{.}}=\"{{.}}\"{{end}}>", "{{range .strings}}{{if eq . \"b\"}}{{break}}{{end}}<i>{{.}}</i>{{end}}", "{{range .strings}}<a href='{{if eq . \"b\"}}{{break}}{{end}}'>{{end}}", "{{range .strings}}<a href='{{if eq . \"b\"}}{{continue}}{{end}}'>{{end}}", "{{range .strings}}{{if eq . \"b\"}}{{continue}}{{end}}<i>{{.}}</i>{{end}}", "{{template \"x\" .}}{{define \"x\"}}{{.html}}{{end}}", "<a title='{{template \"x\" .}}'>{{template \"x\" .}}{{define \"x\"}}{{.html}} <{{end}}", "<script>{{template \"x\" .}}</script>{{define \"x\"}}{{.js}}{{end}}", "<script>var a = '{{template \"x\" .}}'</script>{{define \"x\"}}{{.js}}{{end}}", "{{template \"nope\" .}}", "{{define \"rec\"}}{{if .}}<b>{{len .}}{{template \"rec\" (slice . 1)}}</b>{{end}}{{end}}{{template \"rec\" .strings}}", "{{define \"x\"}}<a href='{{end}}{{template \"x\"}}{{.url}}'>", "{{define \"x\"}}'{{if .}}{{template \"x\"}}{{end}}{{end}}<a title={{template \"x\"}}", "<a href='{{.url}}", "<a", "<!-- {{.html}} -->x", "a <!-- comment --> b", "<script>/* {{.text}} */ x // {{.text}}\n y</script>", "<style>/* {{.text}} */ p { color: {{.text}} }</style>", "{{.x.y.z}} {{.one.x}}", "{{index .list 9}}", "<p>{{.one.x}}</p>", "{{$x := .html}}{{$x}}{{$x = .js}}{{$x}}", "{{with .html}}{{.}}{{end}}", "{{json .list}}", "{{printf \"%s\" .html}}", "{{.html | printf \"<%s>\"}}", "{{block \"b\" .}}<{{.text}}>{{end}}", "x < y {{.one}} <3", "<!DOCTYPE html><p>{{.text}}", "<{{.text}}>", "<a {{.text}}>", "<a {{.text}}={{.html}}>", "<a b{{.text}}>", "<a on{{.text}}=x>", "</{{.text}}>", "<input value={{.text}} {{.text}}>", "<b>{{- .html -}}  </b>", "{{/* c */}}{{.html}}", "<title>{{.html}}</title><textarea>{{.html}}</textarea>", "<textarea><b>{{.html}}</textarea>", "<img src=\"{{.url}}\" srcset=\"{{.url}}\">", "<div data-url='{{.url}}' data-x='{{.url}}' xlink:href='{{.url}}' xmlns:a='{{.url}}'>"},
	"content": {
		"{{.HTML}}|{{.JS}}|{{.JSStr}}|{{.URL}}|{{.CSS}}|{{.Attr}}|{{.Srcset}}|{{.lt}}|{{.num}}|{{.float}}|{{.bool}}|{{.nil}}|{{.dur}}|{{.map}}|{{.list}}|{{.time}}|{{.month}}", "<a title=\"{{.HTML}}\" title='{{.lt}}' title={{.lt}} title={{.HTML}}>", "<textarea>{{.HTML}}{{.lt}}</textarea>", "<a href=\"{{.URL}}\" href=\"{{.bad}}\" href='{{.query}}' href={{.query}}>", "<a href=\"/x?{{.URL}}\" href=\"/x?{{.query}}\" href=\"/x/{{.query}}\" href=\"{{.bad}}x\">", "<a href=\"x{{.bad}}\">", "<a href=\"?{{.query}}#{{.query}}\">", "<img src='{{.bad}}' srcset='{{.srcs}}' srcset='{{.Srcset}}' srcset='{{.URL}}'>", "<p style=\"{{.CSS}}\" style=\"color: {{.color}}; width: {{.size}}; x: {{.expr}}; y: {{.lt}}; z:{{.num}}\">", "<p style=\"background: url('{{.bad}}')\" style=\"background: url({{.query}})\" style='background: url(\"{{.URL}}\")' style=\"font-family: '{{.lt}}'\">", "<style>p { color: {{.color}}; background: url(/x?{{.query}}) } q:before { content: \"{{.lt}}\" } {{.CSS}} {{.nil}}</style>", "<style>// {{.color}}\np{a:b}</style>", "<script>f({{.num}}, {{.float}}, {{.bool}}, {{.nil}}, {{.lt}}, {{.map}}, {{.list}}, {{.JS}}, {{.JSStr}}, {{.dur}}, {{.time}}, {{.month}}, {{.HTML}}, {{.sep}})</script>", "<script>var a='{{.lt}}', b=\"{{.sep}}\", c='{{.JSStr}}', d='{{.num}}', e=/{{.lt}}.*[{{.empty}}/.test(x)</script>", "<script>e=/{{.lt}}/; f=/{{.empty}}/; g=a/{{.num}}/2; h={{.num}}/2</script>", "<script>var t=`{{.lt}}`</script>", "<script>var t=`x`; u = {{.num}}</script>", "<a onclick=\"f({{.lt}}, '{{.lt}}')\" onclick='g({{.map}})' onclick=h({{.num}})>", "<a onclick=\"alert(&quot;{{.lt}}&quot;)\">", "<a onclick='x = {{.num}} / 2; y = \"a/{{.lt}}\"'>", "<script type=\"text/template\"><b>{{.lt}}</b></script>", "<script type=\"application/json\">{\"a\": {{.map}}}</script>", "<script type='text/javascript'>{{.lt}}</script>", "<script type=\"{{.lt}}\">{{.lt}}</script>", "<{{.name}}>", "<a {{.name}}=x {{.on}}=y {{.Attr}} {{.lt}}=z>", "<a {{.empty}}={{.name}}>", "<input {{.name}}>", "<input checked {{.name}}={{.lt}} x>", "<!-- {{.lt}} --> {{.lt}}", "<a title={{.nan}} title='{{.nan}}'>", "<a href={{.lt}}/{{.lt}}?{{.lt}}>", "<a href=\"javascript:{{.num}}\">", "<a href=\"mailto:{{.lt}}\">", "<a srcdoc=\"{{.HTML}}\">", "<iframe srcdoc='{{.lt}}'>", "<a foo.bar=\"{{.lt}}\" x-url=\"{{.bad}}\" svg:style=\"{{.expr}}\" data-onclick=\"{{.lt}}\">", "<svg><script>{{.lt}}</script></svg>", "<script>{{.JS}} {{.JS}}</script>", "<script>x={{.lt}}{{.num}}</script>", "<script>\"{{.lt}}\" + '\\'{{.lt}}'</script>", "<script>/[{{.lt}}]/</script>", "<script>'abc\\{{.lt}}'</script>", "<style>'abc\\{{.lt}}'</style>", "<a href='x{{.lt}}", "<p {{.lt}}\"x\">", "<p \"x{{.lt}}\">", "<p a'b={{.lt}}>", "<p a=b`c{{.lt}}>", "<p a=\"b\"\"c{{.lt}}>", "<p a=x=y{{.lt}}>", "<p =x>", "<p a = {{.lt}} b = '{{.lt}}'>", "<script>{{if .bool}}x{{else}}({{end}} / {{.num}}</script>", "<a href='{{if .bool}}/?{{else}}/{{end}}{{.query}}'>", "<a href='{{if .bool}}{{.query}}{{end}}x'>", "<p title={{if .bool}}{{.lt}}{{end}}>", "<p {{if .bool}}title={{.lt}}{{end}}>", "{{if .bool}}<script>{{else}}<style>{{end}}", "<script>{{.lt}}", "<style>{{.lt}}", "<title>{{.lt}}", "<p title='{{html .lt}}'>{{html .lt}}{{.lt | html}}", "<p title={{html .lt}}>", "<a href='?{{urlquery .query .lt}}'>{{urlquery .query}}", "<script>{{html .lt}}{{.lt | urlquery}}</script>", "{{.lt | urlquery | html}}", "{{.lt | html | urlquery}}", "{{js .lt}}", "{{.lt | js}}", "{{print .HTML}}|{{printf \"%s\" .HTML}}|{{print .HTML .HTML}}", "<a title='{{print .HTML}}'>", "{{.HTML | json}}|{{json .lt}}", "<script>{{json .map}}</script>", "<a onclick='f({{json .map}})'>", "<a title='{{json .map}}'>", "{{with .HTML}}{{.}}{{end}}{{range .list}}{{.}}{{end}}", "a</b>{{.lt}}<br/>{{.lt}}<x-y z>{{.lt}}<1{{.lt}}", "<SCRIPT>{{.lt}}</Script>{{.lt}}", "<script>'</script>{{.lt}}", "<script>'<\\/script>{{.lt}}'</script>", "<style>p{}</style x>{{.lt}}", "<textarea></textarea >{{.lt}}</textare>", "<!--[if IE]>{{.lt}}<![endif]-->{{.lt}}", "<a href=\" {{.query}} \">", "<a href=\"&#106;avascript:{{.num}}\" title=\"&lt;{{.lt}}\">", "<p style='color: red /* x */; width: {{.size}}'>", "<p style='x: {{.HTML}}{{.num}}'>", "<script>a = b\n/ {{.num}}; return /{{.lt}}/; i++ /{{.num}}; x = 42. / {{.num}}; } /{{.lt}}/</script>", "<script>//a\u2028{{.num}}</script>", "<script>/* a\n */{{.num}}/* b */{{.num}}</script>x<!-- y -->z",
		"<A HREF='{{.bad}}' Style='{{.expr}}'>", "<a href=\"{{.num}}:{{.num}}\">", "<area href='//{{.lt}}/{{.lt}}'>", "<form action={{.bad}}><input formaction='{{.bad}}' value='{{.lt}}' name={{.lt}}>", "<p onclick='\"{{.lt}}'>", "<p onclick=\"'{{.lt}}' + &#39;{{.lt}}&#39;\">",
	},
	"event":  {"{{.}}", "{{.Hello \"<x>\" 2}}", "{{.Fail}}", "{{.Empty}}", "<script>{{.}}</script>", "{{json .}}", "<a title='{{.Time}}'>{{.Time.Month}}"},
	"nil":    {"{{.}}", "{{.x}}", "<a title='{{.}}' href='{{.}}'>", "<script>{{.}}</script>", "", "<b>", "a<b"},
	"string": {"{{.}}", "<a title={{.}}>", "<script>{{.}}</script>", "<script>'{{.}}'</script>", "<a href='{{.}}'>"},
}
