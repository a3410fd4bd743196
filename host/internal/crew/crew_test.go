package crew

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every job is run once, whoever gives it and from wherever, also from a job.
func TestEveryJobIsRunOnce(t *testing.T) {
	const givers, each = 8, 2000
	var ran [givers * each * 2]atomic.Int32
	var c *Crew[int]
	c = New(func(job int) {
		ran[job].Add(1)
		if job < givers*each {
			c.Do(job + givers*each)
		}
	})
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
func TestBlockedJobsHoldNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const blocked = 500
		release := make(chan struct{})
		var others, at atomic.Int32
		c := New(func(block bool) {
			if block {
				at.Add(1)
				<-release
				return
			}
			others.Add(1)
		})
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
		if c.workers > c.keep {
			t.Errorf("%d goroutines are kept; want %d at most", c.workers, c.keep)
		}
		c.Wait() // or the bubble finds goroutines that are left
	})
}

// Jobs that come one after the other are run on one goroutine, which rests in
// between.
func TestGoroutinesAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := New(func(int) {})
		for i := range 100 {
			c.Do(i)
			synctest.Wait()
			if c.workers != 1 || len(c.idle) != 1 {
				t.Fatalf("after %d jobs there are %d goroutines, and %d rest; want 1 of each", i+1, c.workers, len(c.idle))
			}
		}
		c.Wait()
	})
}

// Wait waits for the jobs that are running and for those that wait, and the crew
// goes on afterwards.
func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := make(chan struct{})
		var ran atomic.Int32
		c := New(func(int) {
			<-step
			ran.Add(1)
		})
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
