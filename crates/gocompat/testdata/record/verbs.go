package main

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"
)

func recordVerbs() {
	at := time.Date(1971, 1, 1, 0, 0, 10, 120000000, time.UTC)
	values := []interface{}{
		nil, true, false,
		0, 1, -1, 42, -12345, 65, 0x1F600, int64(math.MaxInt64), int64(math.MinInt64), int64(7), uint8(200),
		0.0, math.Copysign(0, -1), 1.0, -1.5, 2.25, 0.1, 1e6, 123456789.0, 1e20, 1e21, 1e-4, 1e-5, 3.14159265, 1.0 / 3,
		100.0, 999999.5, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN(),
		"", "a", "host=serverA", "hé☺", "a\"b\\c\n\t", "`back`", "\u00a0\u200b",
		time.Duration(0), time.Minute, 1500 * time.Millisecond, -3 * time.Microsecond,
		at, time.March, template.HTML("<b>"),
		[]byte("hi"), []byte{}, []byte{0, 255},
		[]interface{}{}, []interface{}{int64(1), "a", nil, 2.5, time.Second}, []string{"x", "y z"},
		map[string]interface{}{"b": int64(2), "a": "x", "n": nil, "l": []interface{}{true}},
		map[string]string{"host": "a", "cpu": "b"},
		event{ID: "i", Time: at, Tags: map[string]string{"k": "v"}, Fields: map[string]interface{}{"f": 1.5}},
	}
	formats := []string{
		"%v", "%+v", "%#v", "%T", "%d", "%+d", "% d", "%5d", "%-5d|", "%05d", "%.3d", "%8.3d", "%.0d", "%+05d", "%x", "%X", "%#x", "%#X",
		"% x", "%# x", "%o", "%#o", "%O", "%b", "%#b", "%c", "%5c", "%q", "%+q", "%#q", "%U", "%#U", "%t", "%7t", "%s", "%10s", "%-10s|",
		"%.2s", "%5.1s", "%010s", "%e", "%E", "%.0e", "%.3e", "%f", "%F", "%.0f", "%.2f", "%8.2f", "%-8.2f|", "%08.2f", "%+.1f", "% f",
		"%g", "%G", "%.3g", "%.1g", "%#g", "%#.3g", "%#.4x", "%.10g", "%20g", "%+g", "%.25f", "%.30g", "%#v|%v", "%z", "%!", "%.3x", "%010v", "%-10v|",
		"%10v", "%6.2v", "%+#v", "%.3q", "%x|%X", "%+010.3f", "%#e", "%#.0f", "%#.0e", "%08b", "%#10x", "%#08x", "%-#8x|", "% 05d", "%.20d", "%020d", "%+x",
	}
	rows := []interface{}{}
	add := func(format string, args ...interface{}) {
		list := []interface{}{}
		for _, arg := range args {
			list = append(list, tag(arg))
		}
		rows = append(rows, map[string]interface{}{"format": format, "args": list, "out": fmt.Sprintf(format, args...)})
	}
	for _, value := range values {
		for _, format := range formats {
			// A struct prints times within it by their private fields, with the address of their zone.
			if _, isEvent := value.(event); isEvent && strings.Trim(format, "%+-#0123456789.| ") != "v" {
				continue
			}
			add(format, value)
		}
	}
	add("no verbs")
	add("")
	add("100%%")
	add("%")
	add("%d%")
	add("%d %s", 1)
	add("%d", 1, 2, "x")
	add("%s %v", "a", nil, nil)
	add("%[2]d %[1]d", 1, 2)
	add("%[2]*[1]d", 2, 6)
	add("%[3]*.[2]*[1]f", 12.0, 2, 6)
	add("%[1]d %d %[1]d", 1, 2)
	add("%[5]d", 1)
	add("%[x]d", 1)
	add("%[1", 1)
	add("%[]d", 1)
	add("%[1]", 1)
	add("%[0]d", 1)
	add("%[-1]d", 1)
	add("%[2]d", 1, 2)
	add("%[3]", 1, 2)
	add("%[1]2d", 1, 2)
	add("%[1].2d", 1, 2)
	add("%*d", 5, 42)
	add("%-*d|", 5, 42)
	add("%*d|", -5, 42)
	add("%.*f", 2, 3.14159)
	add("%.*f", -2, 3.14159)
	add("%*d", "x", 42)
	add("%.*d", "x", 42)
	add("%*d", 10000000, 42)
	add("%99999999d", 42)
	add("%.d", 42)
	add("%5.d|", 0)
	add("%5.", 42)
	add("%.", 42)
	add("%é", 42)
	add("%☺ %d", 1, 2)
	add("%s is %s at %v", "cpu:nil", "CRITICAL", at)
	add("%v%%", 12.5)
	add("%6.2f%%", 12.345)
	add("%-10s|%10s|", "left", "right")
	add("%d %d %d", int64(1), "a", 2.5)
	add("%t", "true")
	add("%s", 5)
	add("%!s", 5)
	add("%w", "x")
	add("%k %k", 1, 2)
	add("%d", []interface{}{int64(1), "a"})
	add("%s", []interface{}{int64(1), "a", nil})
	add("%q", []string{"a", "b"})
	add("%5d", []interface{}{int64(1), int64(2)})
	add("%x", []string{"ab", "c"})
	add("%s", map[string]interface{}{"a": nil, "b": time.Second})
	add("%#v", map[string]string{"a": "b"})
	add("%#v", []interface{}{nil, time.Second, at, map[string]interface{}{}})
	table("verbs", rows)

	prints := []interface{}{}
	sets := [][]interface{}{
		{}, {nil}, {1, 2}, {"a", 1, 2, "b"}, {"a", "b"}, {1.0, 2.5, nil}, {nil, nil}, {time.Second, at}, {true, "x", false},
		{template.HTML("x"), 1}, {[]string{"a"}, map[string]string{}}, {uint8(3), int64(4)},
	}
	for _, set := range sets {
		list := []interface{}{}
		for _, arg := range set {
			list = append(list, tag(arg))
		}
		prints = append(prints, map[string]interface{}{"args": list, "print": fmt.Sprint(set...), "println": fmt.Sprintln(set...)})
	}
	table("prints", prints)
}
