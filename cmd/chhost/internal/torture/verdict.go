package torture

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/wasm"
)

// decision is what the host has made of a module.
type decision struct {
	verdict string
	text    string // the reason: what was returned, logged and answered
	logged  bool   // the log says why it failed
}

// decide uploads a module and does with it what brings its fault about.
func (r *rack) decide(ctx context.Context, k *Kind) decision {
	r.log.take()
	if err := r.deploy(ctx, k); err != nil {
		var refused *wasm.ModuleError
		if !errors.As(err, &refused) {
			return decision{verdict: fmt.Sprintf("%T", err), text: err.Error()}
		}
		return decision{verdict: Refused, text: err.Error()}
	}
	d := r.serve(ctx, k)
	if d.verdict != Served && d.verdict != failsIn+abi.PhaseJoin.String() {
		d = r.again(ctx, k, d)
	}
	return d
}

// deploy replaces the hostile plugin by a module.
func (r *rack) deploy(ctx context.Context, k *Kind) error {
	next := &host.Plugin{Module: k.Module()}
	d, err := r.host.Deploy(ctx, r.current, next)
	if err != nil {
		return err
	}
	r.current, r.version = next, d.Version
	return nil
}

// serve joins, pushes and leaves. In between it waits for a timer, or deploys the
// module once more, if that is where it is to fail.
func (r *rack) serve(ctx context.Context, k *Kind) decision {
	c, err := r.dial("hostile")
	if err != nil {
		return decision{verdict: err.Error()}
	}
	defer c.close()
	answers := func(d decision) decision {
		r.rest() // the line follows the answer
		return r.judge(d)
	}
	if status, answer := c.ask(ctx, phx.EventJoin, "{}"); status != "ok" {
		return answers(decision{verdict: failsIn + abi.PhaseJoin.String(), text: status + " " + answer})
	}
	status, answer := c.ask(ctx, "say", large())
	d := decision{verdict: Served, text: answer}
	switch {
	case status == failed && answer == "":
		d.verdict = failsIn + abi.PhaseHandleIn.String()
		return answers(d)
	case status != "ok" && status != failed && status != nothing:
		d.verdict = status
		return d
	}
	switch k.Verdict {
	case failsIn + abi.PhaseHandleInfo.String():
		if status := c.fail(ctx); status != failed {
			d.text = status
		}
	case failsIn + abi.PhaseUpgrade.String():
		if err := r.deploy(ctx, k); err != nil {
			return decision{verdict: fmt.Sprintf("the second upload: %v", err)}
		}
	default:
		if status, answer := c.ask(ctx, phx.EventLeave, "{}"); status != "ok" && status != failed {
			return decision{verdict: fmt.Sprintf("leaving: %s %s", status, answer)}
		}
	}
	return answers(d)
}

// failure finds what the log says of a callback that failed, and of which version.
var failure = regexp.MustCompile(`msg="the plugin failed" plugin=(\S+) .*callback=(\w+)`)

// judge adds what the log says. Of a version before this one it may say something,
// too, whose last channels are only now at their end.
func (r *rack) judge(d decision) decision {
	log := r.log.take()
	for _, m := range failure.FindAllStringSubmatch(log, -1) {
		if m[1] == r.version {
			d.verdict = failsIn + m[2]
			break
		}
	}
	d.logged = log != ""
	d.text += "\n" + log
	return d
}

// again joins once more after a failure: a plugin is served after one, unless it was
// taken out of service.
func (r *rack) again(ctx context.Context, k *Kind, d decision) decision {
	c, err := r.dial("hostile")
	if err != nil {
		return decision{verdict: err.Error()}
	}
	defer c.close()
	status, answer := c.ask(ctx, phx.EventJoin, "{}")
	r.rest()
	log := r.log.take()
	switch {
	case strings.Contains(answer, string(phx.ReasonUnavailable)):
		d.verdict = Quarantined
		d.text += "\n" + answer + "\n" + log
	case status != "ok" && k.Verdict != "":
		d.verdict = "joining again: " + status + " " + answer
	}
	return d
}

// try decides about a module and compares that with what is declared.
func (r *rack) try(ctx context.Context, k *Kind) {
	began := time.Now()
	d := r.decide(ctx, k)
	for range logAgain {
		if !strings.HasPrefix(d.verdict, failsIn) || d.logged || len(k.Words) == 0 {
			break
		}
		// The host logs few lines of a kind in a second, and this one was too many.
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(time.Second)))
		began = time.Now()
		d = r.decide(ctx, k)
	}
	if ctx.Err() != nil {
		return // nothing was decided
	}
	r.count(k, d.verdict, time.Since(began))
	if !isVerdict(d.verdict) || k.Verdict != "" && d.verdict != k.Verdict {
		r.wrong("%s: %s, want %s: %.400s", k.Name, d.verdict, k.Verdict, d.text)
		return
	}
	for _, w := range k.Words {
		if !d.has(w) {
			r.wrong("%s: %s, and the reason lacks %q: %.400s", k.Name, d.verdict, w, d.text)
		}
	}
}

// has tells whether the reason has words. Fuel lasts for long on a busy machine, where
// it may be the time of a callback that ends first.
func (d *decision) has(words string) bool {
	late := strings.Replace(words, "limit "+string(wasm.LimitOutOfFuel), "limit "+string(wasm.LimitOutOfTime), 1)
	return strings.Contains(d.text, words) || strings.Contains(d.text, late)
}
