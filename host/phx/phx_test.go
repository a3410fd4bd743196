package phx

import "testing"

// TestRefSame guards that a client which joined with the number 7 and then
// pushes bytes is not taken for a stale one: a binary frame says "7".
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
		{`"`, `""`, false},
	} {
		if got := c.a.Same(c.b); got != c.want {
			t.Errorf("%q.Same(%q) = %v", c.a, c.b, got)
		}
	}
}
