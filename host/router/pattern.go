package router

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxPattern is the longest pattern, in bytes: that of a topic.
const MaxPattern = 255

// PatternError is returned when a pattern breaks a rule.
type PatternError struct {
	// Index is the position of the route among those given to [New], from 0.
	Index int
	// Pattern is the bad pattern.
	Pattern string
	// Rule is the rule it breaks, as the end of a sentence: "must not be empty".
	Rule string
}

func (e *PatternError) Error() string {
	return fmt.Sprintf("router: pattern %s %s", quote(e.Pattern), e.Rule)
}

// check returns the first rule that pattern breaks, as an error. Control
// characters are those that cannot stand in a topic either.
func check(index int, pattern string) error {
	rule := ""
	switch star := strings.IndexByte(pattern, '*'); {
	case pattern == "":
		rule = `must not be empty; to match every topic write "*"`
	case len(pattern) > MaxPattern:
		rule = fmt.Sprintf("must not be longer than %d bytes, this one has %d", MaxPattern, len(pattern))
	case !utf8.ValidString(pattern):
		rule = "must be valid UTF-8"
	case strings.ContainsFunc(pattern, func(r rune) bool { return r < ' ' || r == 0x7f }):
		rule = "must not contain control characters (U+0000 to U+001F, U+007F)"
	case star >= 0 && star != len(pattern)-1:
		rule = `must not contain "*" anywhere but at its end`
	default:
		return nil
	}
	return &PatternError{Index: index, Pattern: pattern, Rule: rule}
}

// quote shortens what is too long for a message.
func quote(pattern string) string {
	const most = 64
	if len(pattern) > most {
		return fmt.Sprintf("%q...", pattern[:most])
	}
	return fmt.Sprintf("%q", pattern)
}
