package socket_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

// renewal is a frame that brings a new token; the ref is JSON.
func renewal(ref, payload string) string {
	return `[null,` + ref + `,"phoenix","access_token",` + payload + `]`
}

func renewed(ref, response string) string {
	return `[null,` + ref + `,"phoenix","phx_reply",{"status":"ok","response":` + response + `}]`
}

// in makes a token that expires so long from now.
func in(d, grace time.Duration) *socket.Token {
	return &socket.Token{Expires: time.Now().Add(d), Grace: grace}
}

// lasts is a Renew to which a token is the time that it lasts from now, "ever", or what
// is wrong with it.
func lasts(_ context.Context, text string) (time.Time, error) {
	switch d, err := time.ParseDuration(text); {
	case err == nil:
		return time.Now().Add(d), nil
	case text == "ever":
		return time.Time{}, nil
	case text == "":
		return time.Time{}, &channel.Refusal{Reason: "token_missing"}
	case text == "broken":
		return time.Time{}, errors.New("the verifier is broken")
	case text == "later":
		return time.Time{}, fmt.Errorf("wrapped: %w", &channel.Refusal{Reason: "token_keys_unavailable", RetryAfter: time.Second})
	}
	return time.Time{}, &channel.Refusal{Reason: "token_bad_signature"}
}

// A socket ends with its token and the grace behind it, and not before: with 1008,
// behind what waits for the client, and its channels leave.
func TestExpiry(t *testing.T) {
	for grace, lasts := range map[time.Duration]time.Duration{0: 90 * time.Second, 10 * time.Second: 70 * time.Second, -1: time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, socket.Config{Token: in(time.Minute, grace)})
			r.receive(t, join("t"))
			r.expect(t, joined("t"))
			time.Sleep(lasts - time.Millisecond)
			if r.Expire() {
				t.Errorf("with a grace of %v it has ended early", grace)
			}
			r.receive(t, `["1","2","t","socket",{}]`)
			r.settle(t)
			time.Sleep(time.Millisecond)
			if !r.Expire() {
				t.Errorf("with a grace of %v it has not ended", grace)
			}
			r.Expire()
			r.expectEnd(t, socket.ClosePolicyViolation, ok(`"2"`))
			r.expectLeft(t, channel.LeaveClosed)
			if got := r.counts.Expired.Load(); got != 1 {
				t.Errorf("%d were counted, want 1", got)
			}
			if !strings.Contains(r.log.String(), "token has expired") {
				t.Errorf("the log does not say so: %s", r.log.String())
			}
		})
	}
}

// Nothing is done for a client whose time is over, though nobody has looked since.
func TestExpiredClientsAreNotServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Token: &socket.Token{Expires: time.Now().Add(time.Minute), Grace: -1, Renew: lasts}})
		r.receive(t, join("t"))
		r.expect(t, joined("t"))
		time.Sleep(time.Minute)
		for _, frame := range []string{renewal(`"3"`, `{"token":"1h"}`), `["1","2","t","say",{}]`, "garbage"} {
			if err := r.HandleFrame(t.Context(), text(frame)); !errors.Is(err, socket.ErrClosed) {
				t.Errorf("%s: got %v", frame, err)
			}
		}
		r.expectEnd(t, socket.ClosePolicyViolation)
		r.expectLeft(t, channel.LeaveClosed)
	})
}

// A token that has expired by then, or never does, and one of a time that no clock has.
func TestExpiryAtTheEdges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			token *socket.Token
			ends  bool
		}{
			"none": {nil, false}, "for ever": {new(socket.Token), false}, "long ago": {in(-time.Hour, 0), true},
			"before 1970": {&socket.Token{Expires: time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)}, true},
			"in 1970":     {&socket.Token{Expires: time.Unix(0, 0), Grace: -1}, true},
			"in 9999":     {&socket.Token{Expires: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}, false},
		} {
			r := newRig(t, socket.Config{Token: c.token})
			if got := r.Expire(); got != c.ends {
				t.Errorf("%s: ended %v", name, got)
			}
		}
	})
}

// A client that sends a new token in time goes on, as long as that one says.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Token: &socket.Token{Expires: time.Now().Add(time.Minute), Grace: 10 * time.Second, Renew: lasts}})
		expires := func(d time.Duration) string { return fmt.Sprintf(`{"expires":%d}`, time.Now().Add(d).Unix()) }
		time.Sleep(69 * time.Second) // within the grace
		r.receive(t, renewal(`"1"`, `{"token":"2m"}`))
		r.expect(t, renewed(`"1"`, expires(2*time.Minute)))
		time.Sleep(2*time.Minute + 9*time.Second)
		r.receive(t, renewal("2", `{"token":"ever"}`))
		r.expect(t, renewed("2", "{}"))
		time.Sleep(1000 * time.Hour)
		if r.Expire() {
			t.Error("it ended, though its token does not expire")
		}
		r.receive(t, renewal("null", `{"token":"1m"}`)) // a shorter one counts too
		r.expect(t)
		time.Sleep(70*time.Second - time.Millisecond)
		r.receive(t, renewal(`"3"`, `{"token":"forged"}`)) // and a bad one does not
		r.expect(t, refusal("null", `"3"`, "phoenix", "token_bad_signature"))
		time.Sleep(time.Millisecond)
		if !r.Expire() {
			t.Error("it did not end with the shorter token")
		}
	})
}

// What is no good token is refused with the reason of who looked at it, and nothing of
// it is logged.
func TestRenewalIsRefused(t *testing.T) {
	for payload, want := range map[string]string{
		`{"token":"secret-and-forged"}`:        refusal("null", `"1"`, "phoenix", "token_bad_signature"),
		`{"token":"later"}`:                    limited("null", `"1"`, "phoenix", "token_keys_unavailable", 1000),
		`{"token":"broken"}`:                   refusal("null", `"1"`, "phoenix", "unavailable"),
		`{}`:                                   refusal("null", `"1"`, "phoenix", "token_missing"),
		`{"token":null}`:                       refusal("null", `"1"`, "phoenix", "token_missing"),
		`{"token":["secret-and-forged"]}`:      refusal("null", `"1"`, "phoenix", "token_missing"),
		`{"access_token":"secret-and-forged"}`: refusal("null", `"1"`, "phoenix", "token_missing"),
	} {
		t.Run(payload, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, socket.Config{Token: &socket.Token{Expires: time.Now().Add(time.Minute), Renew: lasts}})
				r.receive(t, renewal(`"1"`, payload))
				r.expect(t, want)
				r.receive(t, renewal("null", payload)) // nobody waits for an answer
				r.expect(t)
				if strings.Contains(r.log.String(), "secret") {
					t.Errorf("the log has the token: %s", r.log.String())
				}
				if broken := strings.Contains(payload, "broken"); strings.Contains(r.log.String(), "the verifier is broken") != broken {
					t.Errorf("the log says: %s", r.log.String())
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, socket.Config{Token: &socket.Token{Renew: lasts}})
		frame := append([]byte{0, 0, 1, 7, 12}, `1phoenixaccess_token1h`...)
		if err := r.HandleFrame(t.Context(), phx.Frame{Data: frame, Binary: true}); err != nil {
			t.Fatal(err)
		}
		r.expect(t, refusal("null", `"1"`, "phoenix", "payload must be an object"))
	})
}

// Looking at a token costs more than other frames do: a client has three at once, and
// then one a second.
func TestRenewalsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		r := newRig(t, socket.Config{Token: &socket.Token{Renew: func(ctx context.Context, text string) (time.Time, error) {
			asked++
			return lasts(ctx, text)
		}}})
		for range 100 {
			r.receive(t, renewal("1", `{"token":"forged"}`))
		}
		r.settle(t)
		frames, _ := r.written()
		if asked != 3 || len(frames) != 100 || frames[99] != limited("null", "1", "phoenix", "rate_limited", 1000) {
			t.Errorf("of 100 tokens %d were looked at; the last answer of %d is %s", asked, len(frames), frames[len(frames)-1])
		}
		if got := r.counts.RateLimited.Load(); got != 97 {
			t.Errorf("%d were counted, want 97", got)
		}
		time.Sleep(time.Second)
		r.receive(t, renewal("2", `{"token":"ever"}`))
		r.expect(t, renewed("2", "{}"))
	})
}

// Where nobody is asked, the event is one of a topic that is not joined, as ever.
func TestNobodyToAsk(t *testing.T) {
	for name, token := range map[string]*socket.Token{"no token": nil, "no renewal": new(socket.Token)} {
		r := newRig(t, socket.Config{Token: token})
		r.receive(t, renewal(`"1"`, `{"token":"1h"}`))
		r.expect(t, refusal("null", `"1"`, "phoenix", "unmatched topic"))
		if t.Failed() {
			t.Log(name)
		}
	}
	// On other topics it is the handler's.
	r := newRig(t, socket.Config{Token: &socket.Token{Renew: lasts}})
	r.receive(t, join("t"), `["1","2","t","access_token",{"token":"1h"}]`)
	r.expect(t, joined("t"), `["1",null,"t","access_token",{"token":"1h"}]`, `["1","2","t","phx_reply",{"status":"ok","response":{"token":"1h"}}]`)
}

// While a token is looked at, the socket may be ended for the old one, or otherwise.
func TestRenewalAndExpiryMeet(t *testing.T) {
	for range 200 {
		var now struct {
			sync.Mutex
			time.Time
		}
		now.Time = time.Unix(1000, 0)
		clock := func() time.Time {
			now.Lock()
			defer now.Unlock()
			return now.Time
		}
		r := newRigAt(t, clock, socket.Config{Token: &socket.Token{Expires: time.Unix(1001, 0), Grace: -1, Renew: func(context.Context, string) (time.Time, error) {
			return time.Unix(5000, 0), nil
		}}})
		var all sync.WaitGroup
		all.Go(func() { _ = r.HandleFrame(context.Background(), text(renewal("1", `{"token":"x"}`))) })
		all.Go(func() {
			now.Lock()
			now.Time = time.Unix(2000, 0)
			now.Unlock()
			r.Expire()
		})
		all.Wait()
		frames, end := r.written()
		// Either it was renewed in time, or it has ended.
		if renewed := len(frames) == 1 && end == nil; renewed == (r.counts.Expired.Load() == 1 && end != nil) {
			t.Fatalf("the client was sent %v, the end is %v, and %d have expired", frames, end, r.counts.Expired.Load())
		}
	}
}
