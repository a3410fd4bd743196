package chhost

import (
	"strings"
	"testing"
)

// A result that means nothing in a callback does not compile there.
func TestResultsFitTheirCallbacks(t *testing.T) {
	for _, c := range []struct {
		name   string
		result any
		fits   string
	}{
		{"OK", OK, "join in out info upgrade connect"},
		{"Ignore", Ignore, "join"},
		{"Refuse", Refuse(nil), "join connect"},
		{"Stop", Stop, "in out info"},
		{"Fail", Fail(""), "in out info upgrade"},
		{"Pass", Pass, "out"},
	} {
		var fits []string
		check := func(name string, ok bool) {
			if ok {
				fits = append(fits, name)
			}
		}
		_, ok := c.result.(JoinResult)
		check("join", ok)
		_, ok = c.result.(InResult)
		check("in", ok)
		_, ok = c.result.(OutResult)
		check("out", ok)
		_, ok = c.result.(InfoResult)
		check("info", ok)
		_, ok = c.result.(UpgradeResult)
		check("upgrade", ok)
		_, ok = c.result.(ConnectResult)
		check("connect", ok)
		if got := strings.Join(fits, " "); got != c.fits {
			t.Errorf("%s fits %s, want %s", c.name, got, c.fits)
		}
	}
}
