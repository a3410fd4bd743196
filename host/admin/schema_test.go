package admin_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/admin"
)

// document is the OpenAPI document that the API serves, as far as answers are held
// against it. It is not changed after it was read.
type document struct {
	root map[string]any
	// paths are those of the document, each as segments, those without parameters first.
	paths []string
}

func readDocument(t testing.TB, r *rig) *document {
	t.Helper()
	d := new(document)
	a := r.want(t, http.StatusOK, r.operator("GET", "/v1/openapi.json", ""))
	a.into(t, &d.root)
	d.paths = slices.SortedFunc(maps.Keys(object(d.root["paths"])), func(a, b string) int {
		return strings.Count(a, "{") - strings.Count(b, "{")
	})
	return d
}

// object is v, or an empty object if it is none.
func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// list is v, or an empty list if it is none.
func list(v any) []any {
	l, _ := v.([]any)
	return l
}

// operations are the operations of the document, as "GET /v1/tenants".
func (d *document) operations() map[string]map[string]any {
	found := make(map[string]map[string]any)
	for _, path := range d.paths {
		for method, operation := range object(object(d.root["paths"])[path]) {
			if method != "parameters" && method != "summary" && method != "description" {
				found[strings.ToUpper(method)+" "+path] = object(operation)
			}
		}
	}
	return found
}

// match finds the path of the document that a request's path is one of.
func (d *document) match(path string) (string, bool) {
	have := strings.Split(path, "/")
	for _, pattern := range d.paths {
		want := strings.Split(pattern, "/")
		if len(want) == len(have) && fits(want, have) {
			return pattern, true
		}
	}
	return "", false
}

func fits(pattern, path []string) bool {
	for i := range pattern {
		if !strings.HasPrefix(pattern[i], "{") && pattern[i] != path[i] || path[i] == "" && pattern[i] != "" {
			return false
		}
	}
	return true
}

// check holds an answer against the document: what was asked for, the status, the media
// type, and each field. It returns the place, as "GET /v1/tenants 200". A request that the
// document knows nothing of is to be refused, with an error of the documented form.
func (d *document) check(req *http.Request, a answer) (where string, err error) {
	path, known := d.match(req.URL.EscapedPath())
	operation, documented := d.operations()[req.Method+" "+path]
	if !known || !documented {
		if a.status < 400 && a.status/100 != 3 {
			return "", fmt.Errorf("%s %s is answered %d, and the document has no such thing", req.Method, req.URL.Path, a.status)
		}
		return "", nil
	}
	where = fmt.Sprintf("%s %s %d", req.Method, path, a.status)
	responses := object(operation["responses"])
	response, ok := responses[strconv.Itoa(a.status)]
	if !ok && a.status >= 400 {
		response, ok = responses["default"]
	}
	if !ok {
		return where, fmt.Errorf("%s: the document has no such status: %s", where, a.body)
	}
	content := object(object(d.resolve(response))["content"])
	if len(content) == 0 {
		if len(a.body) != 0 {
			return where, fmt.Errorf("%s: the document has no body: %s", where, a.body)
		}
		return where, nil
	}
	mediaType, _, err := mime.ParseMediaType(a.header.Get("Content-Type"))
	if err != nil {
		return where, fmt.Errorf("%s: its Content-Type is %q", where, a.header.Get("Content-Type"))
	}
	media, ok := content[mediaType]
	if !ok {
		return where, fmt.Errorf("%s: the document has no %s", where, mediaType)
	}
	schema, ok := object(media)["schema"]
	if !ok || mediaType != "application/json" {
		return where, nil
	}
	var value any
	if err := json.Unmarshal(a.body, &value); err != nil {
		return where, fmt.Errorf("%s: %w: %s", where, err, a.body)
	}
	if err := d.valid(schema, value, "$"); err != nil {
		return where, fmt.Errorf("%s: %w: %s", where, err, a.body)
	}
	return where, ofTable(where, a)
}

// ofTable holds the status of an error against the table of codes.
func ofTable(where string, a answer) error {
	if a.status < 400 {
		return nil
	}
	for _, row := range admin.Codes() {
		if string(row.Code) == a.code() && row.Status == a.status {
			return nil
		}
	}
	return fmt.Errorf("%s: the table of codes has no such row: %s", where, a)
}

// resolve follows a reference within the document.
func (d *document) resolve(v any) any {
	ref, ok := object(v)["$ref"].(string)
	if !ok {
		return v
	}
	var at any = d.root
	for _, part := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		at = object(at)[part]
	}
	return d.resolve(at)
}

// keywords are those of JSON Schema that valid knows; it fails at others, so that none
// is passed over.
var keywords = []string{
	"type", "properties", "required", "additionalProperties", "items", "enum", "minimum", "maximum", "pattern",
	"minLength", "maxLength", "maxItems", "minItems", "const", "anyOf", "oneOf",
	// These tell people something.
	"description", "format", "examples", "default", "title", "contentMediaType", "maxProperties", "propertyNames",
}

// valid holds a value against a schema. An object with properties has no others than
// those, whatever the schema's additionalProperties does not say.
func (d *document) valid(schema, value any, at string) error {
	s, ok := d.resolve(schema).(map[string]any)
	if !ok {
		return fmt.Errorf("%s: the schema is %v", at, d.resolve(schema))
	}
	for word := range s {
		if !slices.Contains(keywords, word) {
			return fmt.Errorf("%s: the checker does not know %q", at, word)
		}
	}
	if err := d.validChoice(s, value, at); err != nil {
		return err
	}
	if err := validType(s, value); err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	switch value := value.(type) {
	case map[string]any:
		return d.validObject(s, value, at)
	case []any:
		if n, ok := s["maxItems"].(float64); ok && len(value) > int(n) {
			return fmt.Errorf("%s: %d items", at, len(value))
		}
		if n, ok := s["minItems"].(float64); ok && len(value) < int(n) {
			return fmt.Errorf("%s: %d items", at, len(value))
		}
		for i, item := range value {
			if err := d.valid(s["items"], item, fmt.Sprintf("%s[%d]", at, i)); err != nil {
				return err
			}
		}
	case string:
		return validText(s, value, at)
	case float64:
		if n, ok := s["minimum"].(float64); ok && value < n {
			return fmt.Errorf("%s: %v is less than %v", at, value, n)
		}
		if n, ok := s["maximum"].(float64); ok && value > n {
			return fmt.Errorf("%s: %v is more than %v", at, value, n)
		}
	}
	return nil
}

func (d *document) validChoice(s map[string]any, value any, at string) error {
	if want, ok := s["const"]; ok && want != value {
		return fmt.Errorf("%s: %v is not %v", at, value, want)
	}
	if words := list(s["enum"]); words != nil && !slices.Contains(words, value) {
		return fmt.Errorf("%s: %v is none of %v", at, value, words)
	}
	for _, word := range []string{"anyOf", "oneOf"} {
		choices := list(s[word])
		var errs []error
		for _, c := range choices {
			if err := d.valid(c, value, at); err != nil {
				errs = append(errs, err)
			}
		}
		if fit := len(choices) - len(errs); len(choices) > 0 && (fit == 0 || word == "oneOf" && fit > 1) {
			return fmt.Errorf("%s: %d of %d of %s fit: %w", at, fit, len(choices), word, errors.Join(errs...))
		}
	}
	return nil
}

// validType holds a value against "type", a word or a list of words.
func validType(s map[string]any, value any) error {
	words := list(s["type"])
	if word, ok := s["type"].(string); ok {
		words = []any{word}
	}
	if words == nil {
		return nil
	}
	var is []any
	switch value := value.(type) {
	case nil:
		is = []any{"null"}
	case bool:
		is = []any{"boolean"}
	case string:
		is = []any{"string"}
	case []any:
		is = []any{"array"}
	case map[string]any:
		is = []any{"object"}
	case float64:
		is = []any{"number"}
		if value == math.Trunc(value) {
			is = append(is, "integer")
		}
	}
	if !slices.ContainsFunc(is, func(w any) bool { return slices.Contains(words, w) }) {
		return fmt.Errorf("%v is of the type %v, want %v", value, is, words)
	}
	return nil
}

func (d *document) validObject(s, value map[string]any, at string) error {
	properties := object(s["properties"])
	for _, name := range list(s["required"]) {
		if _, ok := value[name.(string)]; !ok {
			return fmt.Errorf("%s: %s is missing", at, name)
		}
	}
	for name, v := range value {
		below := at + "." + name
		if property, ok := properties[name]; ok {
			if err := d.valid(property, v, below); err != nil {
				return err
			}
			continue
		}
		switch more := s["additionalProperties"].(type) {
		case map[string]any:
			if err := d.valid(more, v, below); err != nil {
				return err
			}
		case bool:
			if !more {
				return fmt.Errorf("%s: the document has no such field", below)
			}
		default:
			return fmt.Errorf("%s: the document has no such field", below)
		}
	}
	return nil
}

func validText(s map[string]any, value, at string) error {
	if n, ok := s["maxLength"].(float64); ok && len(value) > int(n) {
		return fmt.Errorf("%s: %d bytes", at, len(value))
	}
	if n, ok := s["minLength"].(float64); ok && len(value) < int(n) {
		return fmt.Errorf("%s: %d bytes", at, len(value))
	}
	pattern, ok := s["pattern"].(string)
	if !ok {
		return nil
	}
	expr, err := regexp.Compile(pattern)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	if !expr.MatchString(value) {
		return fmt.Errorf("%s: %q does not match %s", at, value, pattern)
	}
	return nil
}

// What the checker must find, so that it is no rubber stamp.
func TestChecker(t *testing.T) {
	d := &document{root: map[string]any{}}
	read := func(text string) (v any) {
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tt := range []struct {
		schema, value string
		valid         bool
	}{
		{`{"type":"string"}`, `"a"`, true},
		{`{"type":"string"}`, `1`, false},
		{`{"type":["string","null"]}`, `null`, true},
		{`{"type":"integer"}`, `1.5`, false},
		{`{"type":"integer","minimum":1}`, `0`, false},
		{`{"type":"integer","maximum":1}`, `2`, false},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"a":"x"}`, true},
		{`{"type":"object","properties":{"a":{"type":"string"}}}`, `{"b":"x"}`, false},
		{`{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}`, `{}`, false},
		{`{"type":"object","additionalProperties":{"type":"integer"}}`, `{"a":"x"}`, false},
		{`{"type":"object","additionalProperties":false}`, `{"a":"x"}`, false},
		{`{"type":"array","items":{"type":"integer"}}`, `[1,"a"]`, false},
		{`{"type":"array","items":{"type":"integer"},"maxItems":1}`, `[1,2]`, false},
		{`{"enum":["a"]}`, `"b"`, false},
		{`{"const":"a"}`, `"b"`, false},
		{`{"pattern":"^[a-z]+$"}`, `"A"`, false},
		{`{"anyOf":[{"type":"string"},{"type":"null"}]}`, `1`, false},
		{`{"oneOf":[{"type":"number"},{"type":"integer"}]}`, `1`, false},
		{`{"dependentRequired":{}}`, `1`, false},
		{`{"$ref":"#/nowhere"}`, `1`, false},
	} {
		if err := d.valid(read(tt.schema), read(tt.value), "$"); (err == nil) != tt.valid {
			t.Errorf("%s against %s: %v", tt.value, tt.schema, err)
		}
	}
}
