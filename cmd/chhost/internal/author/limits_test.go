package author

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/wasm"
)

func TestParseLimits(t *testing.T) {
	got, err := ParseLimits([]string{"fuel=100M", "join-fuel=2G", "memory=16MiB", "instances=3", "wait=500ms", "payload=20k",
		"effects=10", "effect-bytes=64KiB", "assigns=1", "log-line=200", "log-lines=5", "effects=11"})
	want := wasm.Limits{Fuel: 100e6, JoinFuel: 2e9, Memory: 16 << 20, Instances: 3, Wait: 500 * time.Millisecond, Payload: 20e3,
		Effects: 11, EffectBytes: 64 << 10, Assigns: 1, LogLine: 200, LogLines: 5}
	if err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What is wrong is refused with what would be right; a limit that is read wrong
// would be no limit.
func TestParseLimitsRefuses(t *testing.T) {
	for given, want := range map[string]string{
		"fuel":                      "not of the form NAME=VALUE",
		"=1":                        "not of the form NAME=VALUE",
		"fule=1":                    "did you mean fuel?",
		"zzz=1":                     "there are fuel, join-fuel, memory",
		"fuel=":                     "whole number",
		"fuel=0":                    "whole number",
		"fuel=-1":                   "whole number",
		"fuel=1.5M":                 "whole number",
		"fuel=1MB":                  "whole number",
		"fuel=9223372036854775808":  "whole number",
		"fuel=9223372036854775807k": "whole number",
		"memory=4GiB":               "from 1 to 2147483647",
		"wait=500":                  "such as 500ms",
		"wait=-1s":                  "such as 500ms",
	} {
		_, err := ParseLimits([]string{given})
		var input *InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}
