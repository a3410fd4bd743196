package admin

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
)

// empty expects that nobody has a place or waits for one.
func (p *places) empty(t *testing.T) {
	t.Helper()
	if p.all != 0 || len(p.owners) != 0 || len(p.waiting) != 0 {
		t.Errorf("%d places are taken, of %v, and %d wait", p.all, p.owners, len(p.waiting))
	}
}

// enters takes a place or waits for one.
func (p *places) enters(t *testing.T, name string) *waiter {
	t.Helper()
	w, err := p.enter(name)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// has tells whether one that came has a place.
func (w *waiter) has() bool {
	if w == nil {
		return true
	}
	select {
	case <-w.got:
		return true
	default:
		return false
	}
}

// crowd is tenants that ask for places without end, each as often as it may.
type crowd struct {
	*places
	asked map[string][]*waiter // those that have a place, and those that wait
}

func newCrowd(t *testing.T, p *places, tenants int) *crowd {
	c := &crowd{p, make(map[string][]*waiter)}
	for range mostWaiting {
		for n := range tenants {
			name := fmt.Sprint("t", n)
			c.asked[name] = append(c.asked[name], p.enters(t, name))
		}
	}
	return c
}

// step ends one of the crowd's requests, of those that have a place, and lets the same
// tenant ask again.
func (c *crowd) step(t *testing.T, random *rand.Rand) {
	t.Helper()
	for {
		name := fmt.Sprint("t", random.IntN(len(c.asked)))
		for i, w := range c.asked[name] {
			if w.has() {
				c.give(name)
				c.asked[name] = append(c.asked[name][:i:i], c.asked[name][i+1:]...)
				c.asked[name] = append(c.asked[name], c.enters(t, name))
				return
			}
		}
	}
}

// Many tenants that always want all that they may have leave the operator its places, and
// a tenant that comes behind all of them waits for each of them once at most.
func TestPlacesAmongHostileTenants(t *testing.T) {
	const tenants = 40
	random := rand.New(rand.NewPCG(1, 2))
	p := &places{most: mostUploads, each: eachUploads, spare: spareUploads}
	c := newCrowd(t, p, tenants)
	if p.all != mostUploads-spareUploads {
		t.Fatalf("tenants have %d places", p.all)
	}
	for range 200 {
		for range spareUploads {
			if !p.enters(t, "").has() {
				t.Fatal("the operator has to wait")
			}
		}
		quiet := p.enters(t, "quiet")
		steps := 0
		for ; !quiet.has(); steps++ {
			if steps > tenants {
				t.Fatalf("a tenant has waited until %d places were given back", steps)
			}
			c.step(t, random)
		}
		for range random.IntN(100) {
			c.step(t, random)
		}
		p.give("quiet")
		for range spareUploads {
			p.give("")
		}
	}
	for name, own := range c.owners {
		if own.taken > eachUploads || own.waiting > mostWaiting || own.taken == 0 && own.waiting == 0 {
			t.Errorf("%s has %d places, and %d wait", name, own.taken, own.waiting)
		}
	}
}

// A place that is free goes to whoever has the fewest, and not to who came first.
func TestFewestPlacesFirst(t *testing.T) {
	p := &places{most: 3, each: 3}
	for range 3 {
		p.enters(t, "greedy")
	}
	more, other, second := p.enters(t, "greedy"), p.enters(t, "other"), p.enters(t, "second")
	for i, next := range []*waiter{other, second} {
		p.give("greedy")
		if !next.has() || more.has() {
			t.Errorf("the place %d went to another one", i)
		}
	}
	p.give("other")
	if !more.has() {
		t.Error("nobody has the place that was left")
	}
	p.give("second")
	p.give("greedy")
	p.give("greedy")
	p.empty(t)
}

// The operator takes places beyond its own, and waits like others do when all are taken;
// more than so many of one tenant do not wait.
func TestPlacesAreBounded(t *testing.T) {
	p := &places{most: 3, each: 2, spare: 1}
	if !p.try("a") || !p.try("") || !p.try("") {
		t.Fatal("there are three places")
	}
	if p.try("a") || p.try("b") || p.try("") {
		t.Fatal("there is a fourth place")
	}
	waiting := p.enters(t, "")
	for range mostWaiting {
		p.enters(t, "a")
	}
	var known *failure
	if _, err := p.enter("a"); !errors.As(err, &known) || known.code != codeBusy {
		t.Errorf("one more than may wait: %v", err)
	}
	p.give("a")
	if !waiting.has() && p.owners["a"].taken == 0 {
		t.Error("nobody has the place")
	}
	if !p.withdraw(p.waiting[0]) || p.withdraw(waiting) == waiting.has() {
		t.Error("one that waits cannot give up, or one that has its place can")
	}
	if p.all != 3 {
		t.Errorf("%d places are taken", p.all)
	}
}
