package token_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

func add(t *testing.T, r *token.Revocations, all ...token.Revocation) {
	t.Helper()
	for _, v := range all {
		if err := r.Add(v); err != nil {
			t.Fatal(err)
		}
	}
}

func at(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }

func TestRevocations(t *testing.T) {
	r := token.NewRevocations(0, atNoon)
	add(t, r, token.Revocation{ID: "a", Expires: at(5)}, token.Revocation{Subject: "u", Before: at(-10), Expires: at(5)}, token.Revocation{ID: "never"})
	for name, c := range map[string]struct {
		claims token.Claims
		want   bool
	}{
		"by ID":                      {token.Claims{ID: "a", Subject: "v"}, true},
		"by ID, without expiry":      {token.Claims{ID: "never"}, true},
		"an ID is no subject":        {token.Claims{ID: "u"}, false},
		"a subject is no ID":         {token.Claims{ID: "b", Subject: "a"}, false},
		"by subject":                 {token.Claims{ID: "b", Subject: "u", Issued: at(-11)}, true},
		"by subject, at that moment": {token.Claims{Subject: "u", Issued: at(-10)}, true},
		"by subject, no moment":      {token.Claims{Subject: "u"}, true},
		"by subject, later":          {token.Claims{Subject: "u", Issued: at(-9)}, false},
		"another":                    {token.Claims{ID: "b", Subject: "v", Issued: at(-11)}, false},
		"no name at all":             {token.Claims{}, false},
	} {
		if got := r.Revokes(&c.claims); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	var none *token.Revocations
	if none.Revokes(&token.Claims{ID: "a"}) {
		t.Error("a set that is not there revokes")
	}
}

// TestRevocationsGrow: adding again never gives a token back.
func TestRevocationsGrow(t *testing.T) {
	r := token.NewRevocations(0, atNoon)
	add(t, r,
		token.Revocation{Subject: "u", Before: at(-10), Expires: at(10)}, token.Revocation{Subject: "u", Before: at(-20), Expires: at(20)},
		token.Revocation{Subject: "u", Before: at(-5), Expires: at(5)}, token.Revocation{ID: "a"}, token.Revocation{ID: "a", Expires: at(1)})
	want := []token.Revocation{{Subject: "u", Before: at(-5), Expires: at(20)}, {ID: "a"}}
	if got := r.List(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestRevocationsAtFault(t *testing.T) {
	r := token.NewRevocations(0, nil)
	for name, v := range map[string]token.Revocation{
		"nothing": {}, "both": {ID: "a", Subject: "b", Before: noon}, "a subject without a moment": {Subject: "a"},
		"a long ID": {ID: strings.Repeat("a", 256)}, "a long subject": {Subject: strings.Repeat("a", 256), Before: noon},
	} {
		if err := r.Add(v); err == nil {
			t.Errorf("%s: it was added", name)
		}
	}
	if r.Len() != 0 {
		t.Errorf("%d were added", r.Len())
	}
}

// TestRevocationsExpire, but not before the last verifier has stopped accepting the token.
func TestRevocationsExpire(t *testing.T) {
	c := new(clock)
	r := token.NewRevocations(0, c.now)
	add(t, r, token.Revocation{ID: "a", Expires: at(1)}, token.Revocation{Subject: "u", Before: noon, Expires: at(2)}, token.Revocation{ID: "b", Expires: at(3)})
	wantLen := func(n int) {
		t.Helper()
		if got := len(r.List()); got != n || r.Len() != n {
			t.Errorf("%v later: %d and %d, want %d", c.now().Sub(noon), got, r.Len(), n)
		}
	}
	c.move(time.Minute + token.MaxLeeway)
	wantLen(3)
	if !r.Revokes(&token.Claims{ID: "a"}) {
		t.Error("it was forgotten while a clock could be behind")
	}
	c.move(1)
	wantLen(2)
	c.move(time.Minute)
	wantLen(1)
	if r.Revokes(&token.Claims{Subject: "u"}) {
		t.Error("it was not forgotten")
	}
	add(t, r, token.Revocation{ID: "late", Expires: at(1)}) // nobody accepts that token
	wantLen(1)
	c.move(time.Hour)
	wantLen(0)
	if r.Dropped() != 0 {
		t.Errorf("%d were dropped", r.Dropped())
	}
}

// TestRevocationsAreBounded compares a full set with a list that is sorted: those are
// forgotten that expire first.
func TestRevocationsAreBounded(t *testing.T) {
	const most = 20
	r := token.NewRevocations(most, atNoon)
	var model []token.Revocation
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 2000 {
		v := token.Revocation{ID: fmt.Sprint("token ", i), Expires: noon.Add(time.Duration(1+random.IntN(1e9)) * time.Microsecond)}
		if i%3 == 0 {
			v.ID, v.Subject, v.Before = "", v.ID, noon
		}
		add(t, r, v)
		model = append(model, v)
		slices.SortFunc(model, func(a, b token.Revocation) int {
			return cmp.Or(a.Expires.Compare(b.Expires), cmp.Compare(a.ID, b.ID))
		})
		if len(model) > most {
			gone := model[0]
			model = model[1:]
			if r.Revokes(&token.Claims{ID: gone.ID, Subject: gone.Subject}) {
				t.Fatalf("%v should have been forgotten", gone)
			}
		}
		if got := r.List(); !reflect.DeepEqual(got, model) {
			t.Fatalf("after %d: got %v, want %v", i+1, got, model)
		}
		for _, kept := range model {
			if !r.Revokes(&token.Claims{ID: kept.ID, Subject: kept.Subject}) {
				t.Fatalf("%v was forgotten", kept)
			}
		}
	}
	if got := r.Dropped(); got != 2000-most {
		t.Errorf("dropped: got %d, want %d", got, 2000-most)
	}
}

// TestRevocationsThatGrewStay: it is the new time of expiry that counts.
func TestRevocationsThatGrewStay(t *testing.T) {
	r := token.NewRevocations(3, atNoon)
	for _, minutes := range []int{1, 2, 3} {
		add(t, r, token.Revocation{ID: fmt.Sprint(minutes), Expires: at(minutes)})
	}
	add(t, r, token.Revocation{ID: "1", Expires: at(9)}, token.Revocation{ID: "5", Expires: at(5)}, token.Revocation{ID: "6", Expires: at(6)})
	for id, want := range map[string]bool{"1": true, "2": false, "3": false, "5": true, "6": true} {
		if got := r.Revokes(&token.Claims{ID: id}); got != want {
			t.Errorf("%s: got %v", id, got)
		}
	}
}

// TestRevocationsTogether runs everything at once, for the race detector; what was added
// holds at once.
func TestRevocationsTogether(t *testing.T) {
	r := token.NewRevocations(1000, atNoon)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 200 {
				id := fmt.Sprint(g, " ", i)
				if err := r.Add(token.Revocation{ID: id, Expires: at(1 + i)}); err != nil || !r.Revokes(&token.Claims{ID: id}) {
					t.Errorf("%q does not hold: %v", id, err)
				}
				if i%50 == 0 {
					r.List()
				}
			}
		})
	}
	all.Wait()
	if r.Len() != 800 || r.Dropped() != 0 {
		t.Errorf("%d, and %d dropped", r.Len(), r.Dropped())
	}
}
