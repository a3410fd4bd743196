package main

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
)

// Bounds of what people write, in characters. The page keeps them too.
const (
	maxName = 32
	maxBody = 4000
)

// readName returns the name that a client joins with, without the white space
// around it, or what is wrong with it.
func readName(value chhost.JSON) (name, fault string) {
	text, _ := value.Text()
	name = strings.TrimSpace(text)
	switch {
	case !isVisible(name), strings.ContainsFunc(name, unicode.IsControl):
		return "", "name needed"
	case isLonger(name, maxName):
		return "", "name too long"
	case strings.EqualFold(name, system):
		return "", "name taken"
	}
	return name, ""
}

// readBody returns a message's text as it was written, or what is wrong with
// it.
func readBody(value chhost.JSON) (body, fault string) {
	body, ok := value.Text()
	switch {
	case !ok, !isVisible(body):
		return "", "message needed"
	case isLonger(body, maxBody):
		return "", "message too long"
	}
	return body, ""
}

// isLonger reports whether a text has more than n characters, which it has not
// if it has no more than n bytes.
func isLonger(s string, n int) bool { return len(s) > n && utf8.RuneCountInString(s) > n }

// isVisible reports whether there is anything to see: a text of nothing but
// spaces and characters of no width is as good as empty.
func isVisible(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsGraphic(r) && !unicode.IsSpace(r) })
}
