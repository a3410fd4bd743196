package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// limits reads what clients and plugins may use.
func limits(c *cli.Context) (tenant.Limits, error) {
	var l tenant.Limits
	var err error
	if l.Outbox, err = parseSize(c.String("outbox")); err != nil || l.Outbox == 0 {
		return l, &usageError{c.Command.Name, fmt.Sprintf("--outbox %s is no size: use 1MiB, 512KiB or a number of bytes", c.String("outbox"))}
	}
	if l.Slow, err = parseSlow(c.StringSlice("slow-client")); err != nil {
		return l, &usageError{c.Command.Name, "--slow-client: " + err.Error()}
	}
	if l.Rates, err = parseRates(c.StringSlice("rate")); err != nil {
		return l, &usageError{c.Command.Name, "--rate: " + err.Error()}
	}
	if l.FuelPerSecond = c.Int64("fuel-per-second"); l.FuelPerSecond < 0 || l.FuelPerSecond == 0 && c.IsSet("fuel-per-second") {
		return l, &usageError{c.Command.Name, fmt.Sprintf("--fuel-per-second %d: at least 1", l.FuelPerSecond)}
	}
	return l, nil
}

// connections reads --connections NAME=N, and NAME=off where there need not be a
// bound.
func connections(c *cli.Context) (host.Connections, error) {
	bounds, err := parseConnections(c.StringSlice("connections"))
	if err != nil {
		return bounds, &usageError{c.Command.Name, "--connections: " + err.Error()}
	}
	return bounds, nil
}

func parseConnections(specs []string) (host.Connections, error) {
	var bounds host.Connections
	for _, spec := range specs {
		name, value, _ := strings.Cut(spec, "=")
		bound := &bounds.Total
		switch name {
		case "total":
		case "peer":
			bound = &bounds.Peer
		case "longpoll":
			bound = &bounds.LongPoll
		default:
			return bounds, fmt.Errorf("%q is not of the form total=N, peer=N or longpoll=N, such as peer=100", spec)
		}
		if value == "off" && name != "longpoll" {
			*bound = -1
			continue
		}
		n, err := strconv.ParseUint(value, 10, 30)
		if err != nil || n == 0 {
			return bounds, fmt.Errorf("%q is no bound: expected %s=N, at least 1", spec, name)
		}
		*bound = int(n)
	}
	return bounds, nil
}

// parseSlow reads POLICY or PATTERN=POLICY; a pattern may contain =.
func parseSlow(specs []string) ([]tenant.SlowRule, error) {
	var rules []tenant.SlowRule
	var patterns []string
	for _, spec := range specs {
		pattern, name := "*", spec
		if i := strings.LastIndexByte(spec, '='); i >= 0 {
			pattern, name = spec[:i], spec[i+1:]
		}
		policy, err := socket.ParseSlowPolicy(name)
		if err != nil {
			return nil, err
		}
		patterns = append(patterns, pattern)
		rules = append(rules, tenant.SlowRule{Pattern: pattern, Target: policy})
	}
	return rules, host.CheckPatterns(patterns...)
}

// parseRates reads NAME=N[/BURST] and NAME=off.
func parseRates(specs []string) (socket.Rates, error) {
	var rates socket.Rates
	for _, spec := range specs {
		name, value, _ := strings.Cut(spec, "=")
		rate := &rates.Frames
		switch name {
		case "frames":
		case "bytes":
			rate = &rates.Bytes
		case "joins":
			rate = &rates.Joins
		default:
			return rates, fmt.Errorf("%q is not of the form frames=N, bytes=N or joins=N, such as frames=200/1000", spec)
		}
		if value == "off" {
			*rate = socket.Rate{PerSecond: -1}
			continue
		}
		perSecond, burst, has := strings.Cut(value, "/")
		var err error
		if rate.PerSecond, err = parseSize(perSecond); err == nil && has {
			rate.Burst, err = parseSize(burst)
		}
		if err != nil || rate.PerSecond == 0 || has && rate.Burst == 0 {
			return rates, fmt.Errorf("%q is no rate: expected %s=N or %s=N/BURST, both at least 1, or %s=off", spec, name, name, name)
		}
	}
	return rates, nil
}

// parseSize reads a number, with KiB or MiB behind it or nothing.
func parseSize(text string) (int, error) {
	shift := 0
	if rest, ok := strings.CutSuffix(text, "KiB"); ok {
		text, shift = rest, 10
	} else if rest, ok := strings.CutSuffix(text, "MiB"); ok {
		text, shift = rest, 20
	} else if rest, ok := strings.CutSuffix(text, "GiB"); ok {
		text, shift = rest, 30
	}
	n, err := strconv.ParseUint(text, 10, 30)
	if err != nil || n<<shift > 1<<40 {
		return 0, fmt.Errorf("%q is no size", text)
	}
	return int(n) << shift, nil
}
