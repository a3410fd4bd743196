package registrytest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host/registry"
)

func (s *suite) audit() {
	before := time.Now().Add(-time.Second)
	s.create("acme")
	applied := "not applied"
	s.update("acme", registry.Change{
		Entry:    registry.Entry{Action: "set", By: "me", Tenant: "forged", Revision: 99, Number: 99},
		Apply:    func(*registry.Tenant) error { applied = "a <b>"; return nil },
		Describe: func() string { return applied },
	})
	s.update("acme", registry.Change{}) // tells nothing
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s.want("Append", s.store.Append(s.ctx, registry.Entry{Action: "start", At: at}), nil)
	s.want("Append", s.store.Append(s.ctx, registry.Entry{Action: "login", Tenant: "acme", By: "you", Own: true}), nil)
	s.create("acme2")
	s.want("Delete", s.store.Delete(s.ctx, "acme2", registry.Entry{Action: "delete"}), nil)

	all := s.entries("", 0, 0)
	want := []registry.Entry{
		{Number: 1, Tenant: "acme", Action: "create", Revision: 1},
		{Number: 2, Tenant: "acme", By: "me", Action: "set", Detail: "a <b>", Revision: 2},
		{Number: 3, Action: "start"},
		{Number: 4, Tenant: "acme", By: "you", Action: "login", Own: true},
		{Number: 5, Tenant: "acme2", Action: "create", Revision: 1},
		{Number: 6, Tenant: "acme2", Action: "delete", Revision: 1},
	}
	if len(all) == len(want) {
		for i, e := range all {
			if i == 2 {
				want[i].At = at
			} else if want[i].At = e.At; e.At.Before(before) || e.At.After(time.Now().Add(time.Second)) {
				s.Errorf("entry %d is of %v", e.Number, e.At)
			}
		}
	}
	s.same("the audit log", all, want)
	s.same("of one tenant", s.entries("acme", 0, 0), []registry.Entry{want[0], want[1], want[3]})
	s.same("after a number", s.entries("", 4, 0), want[4:])
	s.same("after the last", s.entries("", 6, 0), want[:0])
	s.same("with a limit", s.entries("", 1, 2), want[1:3])
	s.same("of one tenant, after a number, with a limit", s.entries("acme", 1, 1), want[1:2])
	s.same("of nobody", s.entries("nobody", 0, 0), want[:0])
}

func (s *suite) auditBound() {
	n := s.kind.Entries
	for i := range n + 25 {
		s.want("Append", s.store.Append(s.ctx, registry.Entry{Action: "x", Detail: fmt.Sprint(i)}), nil)
	}
	all := s.entries("", 0, 0)
	if len(all) != n {
		s.Fatalf("%d entries are kept, want %d", len(all), n)
	}
	for i, e := range all {
		if want := uint64(26 + i); e.Number != want || e.Detail != fmt.Sprint(want-1) {
			s.Fatalf("entry %d of the log is %+v, want number %d", i, e, want)
		}
	}
}

// race lets uploads and deploys of one plugin race.
func (s *suite) race() {
	const uploads, deploys = 100, 60
	s.create("acme")
	var mu sync.Mutex
	given := map[int]int{} // the number of a version -> how often
	var all sync.WaitGroup
	for i := range uploads {
		all.Go(func() {
			m := module(fmt.Sprint(i%40), 100) // some are the same
			var got registry.Version
			_, err := s.store.Update(s.ctx, "acme", registry.Change{Modules: [][]byte{m}, Apply: func(t *registry.Tenant) error {
				got = t.AddVersion("food", registry.Version{Digest: registry.DigestOf(m)})
				return nil
			}, Entry: registry.Entry{Action: "upload"}})
			if err != nil {
				s.Errorf("upload: %v", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			given[got.Seq]++
		})
	}
	deployed := 0
	for range deploys {
		all.Go(func() {
			t, err := s.store.Update(s.ctx, "acme", deploying("food"))
			if errors.Is(err, registry.ErrNotFound) {
				return // nothing was uploaded yet
			}
			if err != nil {
				s.Errorf("deploy: %v", err)
				return
			}
			if p := t.Plugin("food"); p.Active != p.Deploys[len(p.Deploys)-1].Seq {
				s.Errorf("after a deploy %d is active, the history says %d", p.Active, p.Deploys[len(p.Deploys)-1].Seq)
			}
			mu.Lock()
			defer mu.Unlock()
			deployed++
		})
	}
	s.within("the race", all.Wait)
	s.numbers(uploads, given)
	s.line(uploads, deployed)
}

// numbers expects that uploads were numbered from 1, each number given once.
func (s *suite) numbers(uploads int, given map[int]int) {
	t := s.tenant("acme")
	p := t.Plugin("food")
	if p == nil || p.Last != uploads || len(p.Versions) != uploads || len(given) != uploads {
		s.Fatalf("%d uploads have made %d numbers: %+v", uploads, len(given), p)
	}
	for i := range uploads {
		if n := given[i+1]; n != 1 || p.Versions[i].Seq != i+1 {
			s.Errorf("number %d was given %d times", i+1, n)
		}
	}
	for _, v := range p.Versions {
		if _, err := s.store.Module(s.ctx, v.Digest); err != nil {
			s.Errorf("version %d: %v", v.Seq, err)
		}
	}
}

// line expects that each deploy followed another one, and the log likewise.
func (s *suite) line(uploads, deployed int) {
	t := s.tenant("acme")
	p := t.Plugin("food")
	if want := uint64(1 + uploads + deployed); t.Revision != want {
		s.Errorf("the record has revision %d after %d changes", t.Revision, want-1)
	}
	previous := 0
	for i, d := range p.Deploys {
		if d.Previous != previous {
			s.Errorf("deploy %d follows %d, and %d was active: the history is no line", i, d.Previous, previous)
		}
		previous = d.Seq
	}
	if len(p.Deploys) != deployed || p.Active != previous {
		s.Errorf("%d deploys of %d are in the history, %d is active, want %d", len(p.Deploys), deployed, p.Active, previous)
	}
	revision := uint64(0)
	for _, e := range s.entries("acme", 0, 0) {
		if e.Revision <= revision {
			s.Errorf("the log tells of revision %d behind %d", e.Revision, revision)
		}
		revision = e.Revision
	}
}

func (s *suite) manyTenants() {
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			name := fmt.Sprint("t", i)
			_, err := s.store.Create(s.ctx, registry.Tenant{Name: name}, registry.Entry{})
			for range 5 {
				if err == nil {
					_, err = s.store.Update(s.ctx, name, adding("food", module(name, 100)))
				}
			}
			if err != nil {
				s.Errorf("%s: %v", name, err)
			}
		})
	}
	created := make([]error, 10)
	for i := range created {
		all.Go(func() { _, created[i] = s.store.Create(s.ctx, registry.Tenant{Name: "one"}, registry.Entry{}) })
	}
	s.within("twenty tenants at once", all.Wait)
	for i := range 20 {
		if t := s.tenant(fmt.Sprint("t", i)); t.Revision != 6 || t.Plugins[0].Last != 5 {
			s.Errorf("after five uploads: %+v", t)
		}
	}
	made := 0
	for _, err := range created {
		if err == nil {
			made++
		} else if !errors.Is(err, registry.ErrExists) {
			s.Errorf("Create: %v", err)
		}
	}
	if made != 1 {
		s.Errorf("one tenant was created %d times", made)
	}
}

func (s *suite) closed() {
	s.create("acme")
	m := module("a", 10)
	entered, resume, updated := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		change := adding("food", m)
		apply := change.Apply
		change.Apply = func(t *registry.Tenant) error {
			once.Do(func() { close(entered) })
			<-resume
			return apply(t)
		}
		_, err := s.store.Update(s.ctx, "acme", change)
		updated <- err
	}()
	s.await("Apply", entered)
	ended := make(chan error, 1)
	go func() { ended <- s.store.Close() }()
	// A call that is refused shows that Close has begun.
	s.within("Close, which refuses calls", func() {
		for {
			if _, err := s.store.Tenant(s.ctx, "acme"); errors.Is(err, registry.ErrClosed) {
				return
			}
			time.Sleep(100 * time.Microsecond)
			select {
			case err := <-ended:
				ended <- err
				return
			default:
			}
		}
	})
	select {
	case err := <-ended:
		s.Errorf("Close has returned (%v) while a change was under way", err)
		ended <- err
	case <-time.After(50 * time.Millisecond): // for stores that are wrong: others do not return however long
	}
	close(resume)
	if err := <-updated; err != nil {
		s.Errorf("a change that was under way before Close: %v", err)
	}
	s.within("Close", func() {
		if err := <-ended; err != nil {
			s.Errorf("Close: %v", err)
		}
	})
	s.afterClose(m)
}

// afterClose expects that nothing can be done any more.
func (s *suite) afterClose(m []byte) {
	for what, call := range map[string]func() error{
		"Create": func() error {
			_, err := s.store.Create(s.ctx, registry.Tenant{Name: "b"}, registry.Entry{})
			return err
		},
		"Update": func() error { _, err := s.store.Update(s.ctx, "acme", registry.Change{}); return err },
		"Delete": func() error { return s.store.Delete(s.ctx, "acme", registry.Entry{}) },
		"Tenant": func() error { _, err := s.store.Tenant(s.ctx, "acme"); return err },
		"Tenants": func() error {
			for _, err := range s.store.Tenants(s.ctx) {
				return err
			}
			return nil
		},
		"Module": func() error { _, err := s.store.Module(s.ctx, registry.DigestOf(m)); return err },
		"Audit":  func() error { _, err := s.store.Audit(s.ctx, "", 0, 0); return err },
		"Append": func() error { return s.store.Append(s.ctx, registry.Entry{Action: "x"}) },
		"Sweep":  func() error { _, err := s.store.Sweep(s.ctx); return err },
	} {
		s.want(what+" after Close", call(), registry.ErrClosed)
	}
	s.within("a second Close", func() {
		if err := s.store.Close(); err != nil {
			s.Errorf("a second Close: %v", err)
		}
	})
	dead, cancel := context.WithCancel(s.ctx)
	cancel()
	if _, err := s.store.Tenant(dead, "acme"); err == nil {
		s.Error("Tenant after Close, with a context that is done: no error")
	}
}

// leak looks for goroutines of the store.
func (s *suite) leak() {
	before := goroutines()
	for range 3 {
		store := s.kind.Open(s)
		if n := added(before); n > 0 {
			s.Errorf("%d goroutines run within a store that was only opened", n)
		}
		_, err := store.Create(s.ctx, registry.Tenant{Name: "acme"}, registry.Entry{})
		s.want("Create", err, nil)
		_, err = store.Update(s.ctx, "acme", adding("food", module("a", 10)))
		s.want("Update", err, nil)
		s.want("Close", store.Close(), nil)
	}
	for end := time.Now().Add(s.patience); added(before) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%d goroutines are left", added(before))
		}
	}
}

// goroutines lists the numbers of those that there are.
func goroutines() map[string]bool {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	numbers := map[string]bool{}
	for _, g := range strings.Split(string(stacks), "\n\n") {
		if w := strings.Fields(g); len(w) > 1 {
			numbers[w[1]] = true
		}
	}
	return numbers
}

// added counts those that there were not before.
func added(before map[string]bool) (n int) {
	for number := range goroutines() {
		if !before[number] {
			n++
		}
	}
	return n
}
