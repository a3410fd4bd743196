package chhost

import "testing"

// A result that means nothing in a callback does not compile there.
func TestResultsFitTheirCallbacks(t *testing.T) {
	for _, c := range []struct {
		name          string
		result        any
		join, in, out bool
	}{
		{"OK", OK, true, true, true},
		{"Ignore", Ignore, true, false, false},
		{"Refuse", Refuse(nil), true, false, false},
		{"Stop", Stop, false, true, true},
		{"Fail", Fail(""), false, true, true},
		{"Pass", Pass, false, false, true},
	} {
		_, join := c.result.(JoinResult)
		_, in := c.result.(InResult)
		_, out := c.result.(OutResult)
		if join != c.join || in != c.in || out != c.out {
			t.Errorf("%s fits join %v, handle_in %v, handle_out %v", c.name, join, in, out)
		}
	}
}
