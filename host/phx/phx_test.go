package phx

import "testing"

// TestRefSame guards that a client which joined with the number 7 and then
// pushes bytes is not taken for a stale one: a binary frame says "7", and it
// knows no escapes.
func TestRefSame(t *testing.T) {
	for _, c := range []struct {
		a, b Ref
		want bool
	}{
		{`"7"`, `"7"`, true},
		{`7`, `"7"`, true},
		{`"7"`, `7`, true},
		{`"7"`, `"8"`, false},
		{`7`, `70`, false},
		{``, `""`, false},
		{``, ``, true},
		{`"`, `"`, true},
		{`"\u0033"`, `"3"`, true},
		{`"\u0033"`, `3`, true},
		{`"\"\n"`, `"\u0022\u000a"`, true},
		{`"\u0033"`, `"\u0034"`, false},
		{`"\ud800"`, `"\ud800"`, true},
		{`"\ud800"`, `"3"`, false},
	} {
		if got := c.a.Same(c.b); got != c.want {
			t.Errorf("%q.Same(%q) = %v", c.a, c.b, got)
		}
	}
}
