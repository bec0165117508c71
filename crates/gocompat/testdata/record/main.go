// Command record prints what real Go does, as the tables that the tests of capstan-gocompat compare with.
// See ../README.md for how to run it.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"reflect"
	"sort"
	"strconv"
	"time"
)

// event is a struct as alerts hand to templates.
type event struct {
	ID       string
	Level    string
	Time     time.Time
	Duration time.Duration
	Tags     map[string]string
	Fields   map[string]interface{}
	Empty    interface{}
}

// Hello has arguments, Fail an error, Host none.
func (e event) Hello(name string, count int) string { return fmt.Sprint("hello ", name, " ", count) }
func (e event) Host() string                        { return e.Tags["host"] }
func (e event) Fail() (string, error)               { return "", fmt.Errorf("no luck") }

// tag writes a value with its Go type, so that the tests can build the same.
func tag(v interface{}) interface{} {
	one := func(kind string, value interface{}) interface{} { return map[string]interface{}{kind: value} }
	switch v := v.(type) {
	case nil:
		return nil
	case bool:
		return v
	case string:
		return v
	case int:
		return one("int", strconv.Itoa(v))
	case int64:
		return one("int64", strconv.FormatInt(v, 10))
	case uint8:
		return one("uint8", strconv.Itoa(int(v)))
	case float64:
		return one("float64", strconv.FormatFloat(v, 'g', -1, 64))
	case time.Duration:
		return one("duration", strconv.FormatInt(int64(v), 10))
	case time.Time:
		return one("time", strconv.FormatInt(v.UnixNano(), 10))
	case time.Month:
		return one("month", strconv.Itoa(int(v)))
	case template.HTML:
		return one("HTML", string(v))
	case template.JS:
		return one("JS", string(v))
	case template.JSStr:
		return one("JSStr", string(v))
	case template.URL:
		return one("URL", string(v))
	case template.CSS:
		return one("CSS", string(v))
	case template.HTMLAttr:
		return one("HTMLAttr", string(v))
	case template.Srcset:
		return one("Srcset", string(v))
	case []byte:
		list := []int{}
		for _, b := range v {
			list = append(list, int(b))
		}
		return one("bytes", list)
	case []interface{}:
		list := []interface{}{}
		for _, item := range v {
			list = append(list, tag(item))
		}
		return one("list", list)
	case []string:
		return one("strings", v)
	case map[string]string:
		return one("tags", v)
	case map[string]interface{}:
		out := map[string]interface{}{}
		for key, item := range v {
			out[key] = tag(item)
		}
		return one("map", out)
	case event:
		value := reflect.ValueOf(v)
		fields := []interface{}{}
		for i := 0; i < value.NumField(); i++ {
			fields = append(fields, []interface{}{value.Type().Field(i).Name, tag(value.Field(i).Interface())})
		}
		return one("event", fields)
	}
	panic(fmt.Sprintf("no tag for %T", v))
}

// table writes one JSON value a line, as one array.
func table(name string, rows []interface{}) {
	var out bytes.Buffer
	out.WriteString("[\n")
	for i, row := range rows {
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(row); err != nil {
			panic(err)
		}
		out.Truncate(out.Len() - 1)
		if i < len(rows)-1 {
			out.WriteString(",")
		}
		out.WriteString("\n")
	}
	out.WriteString("]\n")
	if err := os.WriteFile(filepath.Join("..", name+".json"), out.Bytes(), 0o644); err != nil {
		panic(err)
	}
	fmt.Println(name, len(rows))
}

func sorted(m map[string]interface{}) []string {
	keys := []string{}
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

func main() {
	recordTemplates()
	recordVerbs()
	recordNumbers()
	recordDurations()
	recordTimes()
	recordRegexps()
}
