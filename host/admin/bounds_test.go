package admin

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// What plugins log takes up to a bound of memory, of each and of all; those that have
// logged last are kept.
func TestLogsAreBounded(t *testing.T) {
	s := &lineStore{plugins: make(map[pluginKey]*lines)}
	text := []byte(strings.Repeat("x", 10<<10))
	for n := range 400 {
		for range 30 {
			s.add(pluginKey{"acme", fmt.Sprint("p", n)}, time.Now(), text)
		}
	}
	total := 0
	for _, of := range s.plugins {
		sum := 0
		for _, l := range of.kept {
			sum += len(l.text)
		}
		if total += sum; sum != of.bytes || sum > keptBytes {
			t.Errorf("%d bytes of a plugin, counted as %d", sum, of.bytes)
		}
	}
	if total != s.bytes || total > allBytes || total < allBytes-keptBytes {
		t.Errorf("%d bytes, counted as %d", total, s.bytes)
	}
	if found, _ := s.after(pluginKey{"acme", "p399"}, 0, time.Time{}, 5); len(found) != 5 {
		t.Errorf("%d lines of the one that has logged last", len(found))
	}
	_, changed := s.after(pluginKey{"acme", "quiet"}, 0, time.Time{}, 5)
	for n := range keptPlugins + 1 {
		s.add(pluginKey{"acme", fmt.Sprint("q", n)}, time.Now(), nil)
	}
	select {
	case <-changed:
	default:
		t.Error("who follows a plugin that was forgotten is not told")
	}
}

// One tenant's keys do not push out those of others.
func TestKeysOfOthersStay(t *testing.T) {
	k := new(answers)
	now := time.Now()
	put := func(owner string, n int) *kept {
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.kept == nil {
			k.kept = make(map[[32]byte]*kept)
		}
		k.clear(owner, now)
		made := &kept{owner: owner, at: now, key: [32]byte{byte(len(owner)), byte(n), byte(n >> 8)}}
		k.kept[made.key] = made
		k.order = append(k.order, made)
		return made
	}
	quiet := put("quiet", 1)
	for n := range 5 * keptAnswers {
		put("loud", n)
	}
	if k.kept[quiet.key] != quiet {
		t.Error("another tenant's key is gone")
	}
	if n := len(k.order); n != keptEach+1 || len(k.kept) != n {
		t.Errorf("%d answers are kept", n)
	}
	for n := range 5 * keptAnswers {
		put("", n)
	}
	if len(k.order) > keptAnswers {
		t.Errorf("%d answers are kept", len(k.order))
	}
}

// Uploads of one tenant wait for each other, and those of others go on; who waits too
// long is told so, and who is gone leaves nothing.
func TestPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &places{most: 3, each: 2}
		ctx := t.Context()
		for _, tenant := range []string{"a", "a", "b"} {
			if err := p.take(ctx, tenant); err != nil {
				t.Fatal(err)
			}
		}
		var known *failure
		if err := p.take(ctx, "b"); !errors.As(err, &known) || known.code != codeBusy {
			t.Errorf("a fourth: %v", err)
		}
		p.give("b")
		if err := p.take(ctx, "b"); err != nil {
			t.Error(err)
		}
		gone, cancel := context.WithCancel(ctx)
		cancel()
		if err := p.take(gone, "c"); !errors.Is(err, context.Canceled) {
			t.Errorf("of one that is gone: %v", err)
		}
		done := make(chan error)
		go func() { done <- p.take(ctx, "c") }()
		synctest.Wait()
		p.give("a")
		if err := <-done; err != nil {
			t.Error(err)
		}
		for _, tenant := range []string{"a", "b", "c"} {
			p.give(tenant)
		}
		p.empty(t)
	})
}

// Who publishes above the tenant's rate is told when to try again, and what is refused is
// not what an Idempotency-Key answers with later.
func TestPublishAboveTheRate(t *testing.T) {
	o := newOffice(t, nil)
	o.must(201, "PUT", "/v1/tenants/slow", `{"limits":{"publishes_per_second":1}}`, nil)
	ask := func(n int) reply {
		messages := strings.TrimSuffix(strings.Repeat(`{"topic":"a","event":"e"},`, n), ",")
		return o.ask("POST", "/v1/tenants/slow/publish", operator, `{"messages":[`+messages+`]}`, "Idempotency-Key", fmt.Sprint("of ", n))
	}
	if got := ask(6); got.status != 422 || got.code() != codeInvalid {
		t.Errorf("more than ever passes: %d %s", got.status, got.body)
	}
	if got := ask(4); got.status != 200 {
		t.Errorf("within the rate: %d %s", got.status, got.body)
	}
	for range 2 {
		got := ask(5) // for which 4 seconds more have to pass
		if wait, err := strconv.Atoi(got.header.Get("Retry-After")); got.status != 429 || got.code() != codeRate || err != nil || wait < 1 || wait > 4 || got.header.Get("Idempotent-Replayed") != "" {
			t.Errorf("above the rate: %d %v %s", got.status, got.header, got.body)
		}
	}
	var usage usageBody
	o.must(200, "GET", "/v1/tenants/slow/usage", nil, &usage)
	if usage.Published != 4 {
		t.Errorf("the usage says %d", usage.Published)
	}
}
