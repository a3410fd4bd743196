package wasm_test

import (
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
)

// pieces are what compose puts strings together from.
func pieces() []string {
	return []string{
		"magic_8_ball_sez", "user_id", "ignore", "7", `\u0037`, "8", "é", `\u00e9`, `\u00E9`, `\ud83c\udf36`, "🌶", `\ud83c`, `\uDF36`, `\ufffd`, "\uFFFD",
		`\"`, `\\`, `\/`, "/", `\b`, `\u0008`, `\f`, `\n`, `\u000a`, `\r`, `\t`, `\u0000`, ",", ":", "{", "}", "[", "]", " ", `\\u0037`, "u0037", "_", `\u005f`,
		"magic", `\u006dagic`, "_8_ball_sez", "user", "_id", "ign", "ore", "\x7f", "\u0080", "\u07ff", "\u0800", "\U0010ffff", `\udbff\udfff`,
	}
}

// composer writes JSON, and takes every decision from the next byte.
type composer struct {
	choices []byte
	strings.Builder
}

func (c *composer) choose(n int) int {
	if len(c.choices) == 0 {
		return 0
	}
	b := c.choices[0]
	c.choices = c.choices[1:]
	return int(b) % n
}

func (c *composer) space() { c.WriteString([]string{"", "", "", " ", "\n", "\t\r "}[c.choose(6)]) }

func (c *composer) string(keys ...string) {
	c.WriteByte('"')
	if n := c.choose(len(keys) + 2); n < len(keys) {
		c.WriteString(keys[n])
	} else {
		for range c.choose(5) {
			c.WriteString(pieces()[c.choose(len(pieces()))])
		}
	}
	c.WriteByte('"')
}

// value writes a value, most often a string.
func (c *composer) value(depth int) {
	kinds := 12
	if depth == 0 {
		kinds = 10
	}
	switch k := c.choose(kinds); k {
	case 10:
		c.object(depth - 1)
	case 11:
		c.list(depth - 1)
	case 7, 8, 9:
		c.WriteString([]string{"null", "-0.5E+3", "true"}[k-7])
	default:
		c.string("7", "")
	}
}

func (c *composer) list(depth int) {
	c.several('[', ']', func() { c.value(depth) })
}

func (c *composer) object(depth int) {
	c.several('{', '}', func() {
		c.string("user_id", "ignore", "magic_8_ball_sez", `user\u005fid`)
		c.space()
		c.WriteByte(':')
		c.space()
		if c.choose(4) == 0 {
			c.list(depth)
		} else {
			c.value(depth)
		}
	})
}

func (c *composer) several(opening, closing byte, write func()) {
	c.WriteByte(opening)
	c.space()
	for i := range c.choose(6) {
		if i > 0 {
			c.WriteByte(',')
			c.space()
		}
		write()
		c.space()
	}
	c.WriteByte(closing)
}

// compose returns what is a value as it is, and of other bytes the value that
// they choose: nothing that fuzzing tries is lost to a missing quote.
func compose(data []byte, write func(*composer)) []byte {
	if phx.CheckJSON(data) == nil {
		return data
	}
	c := &composer{choices: data}
	c.space()
	write(c)
	c.space()
	return []byte(c.String())
}

// FuzzFood holds the two against each other with all objects and lists.
func FuzzFood(f *testing.F) {
	both := newFoods(f)
	for i, text := range nasty() {
		f.Add([]byte(text), []byte(`["7","\u0037"]`), names()[i%len(names())], int64(i))
		f.Add([]byte(`{"user_id":"7"}`), []byte(text), names()[i%len(names())], int64(-i))
	}
	f.Add([]byte("\x03\x02\x01\x01\x05\x04\x00\x01\x02"), []byte("\x05\x04\x03\x02\x01\x00\x05\x05\x05\x05"), "new:message", int64(5))
	f.Fuzz(func(t *testing.T, payload, list []byte, event string, now int64) {
		if phx.CheckName(event) != nil || phx.ReservedEvent(event) {
			event = names()[len(event)%len(names())]
		}
		payload = compose(payload, func(c *composer) { c.object(3) })
		list = compose(list, func(c *composer) { c.list(2) })
		if len(payload) > 32<<10 || len(list) > 8<<10 {
			return // beyond every bound; TestFoodBounds goes there
		}
		both.check(t, payload, list, event, now%(1<<50))
	})
}
