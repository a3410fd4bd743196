package author

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/wasm"
)

// limit is one of a plugin's limits as the command line knows it: a count, a size
// in bytes, or a time.
type limit struct {
	name  string
	count func(*wasm.Limits, int64)
	time  func(*wasm.Limits, time.Duration)
	most  int64 // of count
}

func limitTable() []limit {
	number := func(name string, field func(*wasm.Limits) *int) limit {
		return limit{name: name, most: math.MaxInt32, count: func(l *wasm.Limits, n int64) { *field(l) = int(n) }}
	}
	return []limit{
		{name: "fuel", most: math.MaxInt64, count: func(l *wasm.Limits, n int64) { l.Fuel = n }},
		{name: "join-fuel", most: math.MaxInt64, count: func(l *wasm.Limits, n int64) { l.JoinFuel = n }},
		number("memory", func(l *wasm.Limits) *int { return &l.Memory }),
		number("instances", func(l *wasm.Limits) *int { return &l.Instances }),
		{name: "wait", time: func(l *wasm.Limits, d time.Duration) { l.Wait = d }},
		number("payload", func(l *wasm.Limits) *int { return &l.Payload }),
		number("effects", func(l *wasm.Limits) *int { return &l.Effects }),
		number("effect-bytes", func(l *wasm.Limits) *int { return &l.EffectBytes }),
		number("assigns", func(l *wasm.Limits) *int { return &l.Assigns }),
		number("log-line", func(l *wasm.Limits) *int { return &l.LogLine }),
		number("log-lines", func(l *wasm.Limits) *int { return &l.LogLines }),
	}
}

// LimitNames lists the names that [ParseLimits] knows.
func LimitNames() []string {
	var names []string
	for _, l := range limitTable() {
		names = append(names, l.name)
	}
	return names
}

// ParseLimits reads limits of a plugin, each in the form "name=value", such as
// "fuel=100M", "memory=16MiB" or "wait=500ms". What is not named keeps its
// default. The error is an [*InputError].
func ParseLimits(list []string) (wasm.Limits, error) {
	var limits wasm.Limits
	table := limitTable()
	for _, s := range list {
		name, value, ok := strings.Cut(s, "=")
		if !ok || name == "" {
			return limits, inputFault("--limit %q is not of the form NAME=VALUE, such as fuel=100M", s)
		}
		i := slices.IndexFunc(table, func(l limit) bool { return l.name == name })
		if i < 0 {
			hint := ""
			if near := abi.Nearest(name, LimitNames()); near != "" {
				hint = ", did you mean " + near + "?"
			}
			return limits, inputFault("--limit %s: there is no limit %q%s (there are %s)", s, name, hint, strings.Join(LimitNames(), ", "))
		}
		if err := table[i].set(&limits, value); err != "" {
			return limits, inputFault("--limit %s: %s", s, err)
		}
	}
	return limits, nil
}

// set returns what is wrong with the value.
func (l *limit) set(limits *wasm.Limits, value string) string {
	if l.time != nil {
		d, err := time.ParseDuration(value)
		if err != nil || d <= 0 {
			return "the value has to be a time above zero, such as 500ms"
		}
		l.time(limits, d)
		return ""
	}
	n, ok := parseCount(value)
	if !ok || n <= 0 || n > l.most {
		return "the value has to be a whole number from 1 to " + strconv.FormatInt(l.most, 10) + ", such as 500, 20k, 100M, 64KiB or 16MiB"
	}
	l.count(limits, n)
	return ""
}

// parseCount reads a number with a decimal or binary unit behind it.
func parseCount(s string) (int64, bool) {
	unit := int64(1)
	for _, u := range []struct {
		suffix string
		unit   int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}} {
		if digits, ok := strings.CutSuffix(s, u.suffix); ok {
			s, unit = digits, u.unit
			break
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > math.MaxInt64/unit {
		return 0, false
	}
	return n * unit, true
}
