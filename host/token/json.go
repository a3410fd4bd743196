package token

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep objects and lists may lie in one another.
const maxDepth = 16

// Why a text is not taken for an object. They say nothing of what is in it.
var (
	errNoObject = errors.New("not a JSON object in UTF-8")
	errTwice    = errors.New("an object with two members of one name")
	errDepth    = errors.New("objects or lists nested too deeply")
	errNoText   = errors.New("a value that is not the text that it should be")
)

// member is a member of an object: its name, and its value as it was written.
type member struct{ name, value string }

// members are those of an object, in its order.
type members []member

// get returns the value with that name, exactly as it is spelt; "" if there is none.
func (m members) get(name string) string {
	for i := range m {
		if m[i].name == name {
			return m[i].value
		}
	}
	return ""
}

// text returns the string with that name; "" if there is none. The error is that it
// is none, is empty, or has more than most bytes.
func (m members) text(name string, most int) (string, error) {
	value := m.get(name)
	if value == "" {
		return "", nil
	}
	return unquote(value, most)
}

func unquote(value string, most int) (string, error) {
	if value[0] != '"' {
		return "", errNoText
	}
	s := value[1 : len(value)-1]
	if strings.IndexByte(s, '\\') >= 0 {
		if err := json.Unmarshal([]byte(value), &s); err != nil {
			return "", errNoText
		}
	}
	if s == "" || len(s) > most {
		return "", errNoText
	}
	return s, nil
}

// readObject returns the members of a JSON object. Of two members with one name
// readers take the first or the last one, or, like encoding/json, one that is
// spelt in another case: it fails at any depth.
func readObject(data string) (members, error) {
	if !utf8.ValidString(data) || !json.Valid([]byte(data)) {
		return nil, errNoObject
	}
	w := walk{data: data}
	if w.space(); data[w.at] != '{' {
		return nil, errNoObject
	}
	err := w.object(0)
	return w.top, err
}

// walk passes over a text that is known to be JSON.
type walk struct {
	data  string
	at    int
	top   members
	names []string // of the objects that it is in
}

func (w *walk) space() {
	for w.at < len(w.data) && strings.IndexByte(" \t\r\n", w.data[w.at]) >= 0 {
		w.at++
	}
}

// quoted passes over a string and returns it with its quotes.
func (w *walk) quoted() string {
	begin := w.at
	for w.at++; w.data[w.at] != '"'; w.at++ {
		if w.data[w.at] == '\\' {
			w.at++
		}
	}
	w.at++
	return w.data[begin:w.at]
}

// next passes over what stands behind a value, and tells whether another follows.
func (w *walk) next() bool {
	w.space()
	w.at++
	return w.data[w.at-1] == ','
}

// begin passes over a bracket, and tells whether nothing is in it.
func (w *walk) begin() (empty bool) {
	w.at++
	w.space()
	if w.data[w.at] == '}' || w.data[w.at] == ']' {
		w.at++
		return true
	}
	return false
}

func (w *walk) object(depth int) error {
	if w.begin() {
		return nil
	}
	first := len(w.names)
	for more := true; more; more = w.next() {
		w.space()
		name := w.quoted()
		if strings.IndexByte(name, '\\') >= 0 {
			if err := json.Unmarshal([]byte(name), &name); err != nil {
				return errNoObject
			}
		} else {
			name = name[1 : len(name)-1]
		}
		w.names = append(w.names, name)
		w.space()
		w.at++ // the colon
		w.space()
		begin := w.at
		if err := w.value(depth + 1); err != nil {
			return err
		}
		if depth == 0 {
			w.top = append(w.top, member{name, w.data[begin:w.at]})
		}
	}
	slices.Sort(w.names[first:])
	for i := first + 1; i < len(w.names); i++ {
		if w.names[i] == w.names[i-1] {
			return errTwice
		}
	}
	w.names = w.names[:first]
	return nil
}

func (w *walk) value(depth int) error {
	switch w.data[w.at] {
	case '"':
		w.quoted()
	case '{', '[':
		if depth >= maxDepth {
			return errDepth
		}
		if w.data[w.at] == '{' {
			return w.object(depth)
		}
		return w.list(depth)
	default: // a number, true, false or null
		for w.at < len(w.data) && strings.IndexByte(" \t\r\n,]}", w.data[w.at]) < 0 {
			w.at++
		}
	}
	return nil
}

func (w *walk) list(depth int) error {
	if w.begin() {
		return nil
	}
	for more := true; more; more = w.next() {
		w.space()
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}
