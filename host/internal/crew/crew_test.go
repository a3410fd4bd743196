package crew

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inTeams runs a test with crews of one team and of several.
func inTeams(t *testing.T, f func(t *testing.T, teams int)) {
	for _, teams := range []int{1, 3} {
		t.Run(fmt.Sprint(teams), func(t *testing.T) { f(t, teams) })
	}
}

// goroutines are those that a crew has, and how many of them rest.
func goroutines[J any](c *Crew[J]) (all, resting int) {
	for _, t := range c.teams {
		all += t.workers
		resting += len(t.idle)
	}
	return all, resting
}

// Every job is run once, whoever gives it and from wherever, also from a job.
func TestEveryJobIsRunOnce(t *testing.T) { inTeams(t, testEveryJobIsRunOnce) }

func testEveryJobIsRunOnce(t *testing.T, teams int) {
	const givers, each = 8, 2000
	var ran [givers * each * 2]atomic.Int32
	var c *Crew[int]
	c = newCrew(func(job int) {
		ran[job].Add(1)
		if job < givers*each {
			c.Do(job + givers*each)
		}
	}, teams)
	var wg sync.WaitGroup
	for g := range givers {
		wg.Go(func() {
			for i := range each {
				c.Do(g*each + i)
			}
		})
	}
	wg.Wait()
	c.Wait()
	for job := range ran {
		if n := ran[job].Load(); n != 1 {
			t.Fatalf("job %d was run %d times", job, n)
		}
	}
	if c.Busy() {
		t.Error("the crew is busy after Wait")
	}
}

// Jobs that block keep no other from being run, however many they are, and the
// goroutines that they took are not kept for good.
func TestBlockedJobsHoldNobodyUp(t *testing.T) { inTeams(t, testBlockedJobsHoldNobodyUp) }

func testBlockedJobsHoldNobodyUp(t *testing.T, teams int) {
	synctest.Test(t, func(t *testing.T) {
		const blocked = 500
		release := make(chan struct{})
		var others, at atomic.Int32
		c := newCrew(func(block bool) {
			if block {
				at.Add(1)
				<-release
				return
			}
			others.Add(1)
		}, teams)
		for range blocked {
			c.Do(true)
			c.Do(false)
		}
		synctest.Wait()
		if others.Load() != blocked || at.Load() != blocked {
			t.Errorf("%d jobs were run beside %d that block; want %d of each", others.Load(), at.Load(), blocked)
		}
		if !c.Busy() {
			t.Error("a crew whose jobs block is not busy")
		}
		close(release)
		synctest.Wait()
		if c.Busy() {
			t.Error("the crew is busy although all jobs have ended")
		}
		if all, _ := goroutines(c); all > teams*c.teams[0].keep {
			t.Errorf("%d goroutines are kept; want %d at most", all, teams*c.teams[0].keep)
		}
		c.Wait() // or the bubble finds goroutines that are left
	})
}

// Jobs that come one after the other are run on one goroutine, which rests in
// between.
func TestGoroutinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCrew(func(int) {}, 1)
		for i := range 100 {
			c.Do(i)
			synctest.Wait()
			if all, resting := goroutines(c); all != 1 || resting != 1 {
				t.Fatalf("after %d jobs there are %d goroutines, and %d rest; want 1 of each", i+1, all, resting)
			}
		}
		c.Wait()
	})
}

// Wait waits for the jobs that are running and for those that wait, and the crew
// goes on afterwards.
func TestWait(t *testing.T) { inTeams(t, testWait) }

func testWait(t *testing.T, teams int) {
	synctest.Test(t, func(t *testing.T) {
		step := make(chan struct{})
		var ran atomic.Int32
		c := newCrew(func(int) {
			<-step
			ran.Add(1)
		}, teams)
		c.Wait() // nothing to wait for
		for round := range int32(2) {
			c.Do(1)
			c.Do(2)
			var waited atomic.Int32
			for range 3 {
				go func() {
					c.Wait()
					waited.Add(1)
				}()
			}
			synctest.Wait()
			step <- struct{}{}
			synctest.Wait()
			if waited.Load() != 0 {
				t.Fatal("Wait returned while a job was running")
			}
			step <- struct{}{}
			synctest.Wait()
			if waited.Load() != 3 || ran.Load() != 2*(round+1) {
				t.Fatalf("%d of 3 calls of Wait returned after %d jobs", waited.Load(), ran.Load())
			}
		}
	})
}

// A chain of jobs, each of which gives the next one, goes from team to team: while it
// lasts the crew is busy, and Wait does not return between two of them.
func TestChainsAreWaitedFor(t *testing.T) {
	const chains, links = 200, 50
	for range chains {
		var c *Crew[int]
		var last atomic.Bool
		c = newCrew(func(job int) {
			if job == links {
				last.Store(true)
				return
			}
			c.Do(job + 1)
		}, 4)
		c.Do(0)
		for asked := 0; asked < 100 && !last.Load(); asked++ {
			if !c.Busy() && !last.Load() {
				t.Fatal("the crew was not busy before the last job")
			}
		}
		c.Wait()
		if !last.Load() {
			t.Fatal("Wait returned before the last job")
		}
	}
}

// A job may end its goroutine, as testing.T.FailNow does: the crew goes on without.
func TestGoexit(t *testing.T) {
	inTeams(t, func(t *testing.T, teams int) {
		var ran atomic.Int32
		c := newCrew(func(exit bool) {
			ran.Add(1)
			if exit {
				runtime.Goexit()
			}
		}, teams)
		for range 100 {
			c.Do(true)
			c.Do(false)
		}
		c.Wait()
		if n := ran.Load(); n != 200 || c.Busy() {
			t.Errorf("%d of 200 jobs were run; busy afterwards: %v", n, c.Busy())
		}
	})
}

// What waits is taken in the order in which it came, while the ring goes round
// and grows.
func TestQueue(t *testing.T) {
	var q queue[int]
	var got, want []int
	next := 0
	for round := range 20 {
		for range 3 + 5*round {
			q.push(next)
			want = append(want, next)
			next++
		}
		for range 2 + 4*round {
			got = append(got, q.pop())
		}
	}
	for q.len() > 0 {
		got = append(got, q.pop())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
	if i := slices.IndexFunc(q.ring, func(job int) bool { return job != 0 }); i >= 0 {
		t.Error("the ring keeps a job that was taken")
	}
}

func BenchmarkDo(b *testing.B) {
	done := make(chan struct{}, 1)
	c := New(func(int) { done <- struct{}{} })
	b.Cleanup(c.Wait)
	b.ReportAllocs()
	for b.Loop() {
		c.Do(1)
		<-done
	}
}

// BenchmarkMany gives many jobs at once, from every core.
func BenchmarkMany(b *testing.B) {
	for _, teams := range []int{1, 4} {
		b.Run(fmt.Sprint(teams), func(b *testing.B) {
			c := newCrew(func(int) {}, teams)
			b.Cleanup(c.Wait)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					c.Do(1)
				}
			})
		})
	}
}
