package channeltest

import (
	"testing"
	"time"
)

// Eventually waits until cond is true, and fails the test if that does not come
// to pass; what names it. It is for what tells nobody when it changes: of what a
// client is sent, [Recorder.Wait] knows at once.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(Deadline); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}
