package admin

import (
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	// keptAnswers is how many answers are kept for requests that are sent again, and
	// keptTime for how long.
	keptAnswers = 1000
	keptTime    = time.Hour
	// keptEach is how many of them may be of one tenant's tokens: who sends many forgets
	// its own.
	keptEach = 100
	// maxKey is how long an Idempotency-Key may be, and maxKept how large an answer that
	// is kept.
	maxKey  = 128
	maxKept = 64 << 10
)

// answers keeps what changes were answered, by the Idempotency-Key of their requests:
// one that is sent again, since its answer was lost, is carried out once. A key is the
// token's own, and that of one method and path.
type answers struct {
	mu   sync.Mutex
	kept map[[sha256.Size]byte]*kept
	// order has the oldest first.
	order []*kept
}

// kept is one of them.
type kept struct {
	key    [sha256.Size]byte
	owner  string            // the tenant whose token it was; empty: the operator's
	body   [sha256.Size]byte // of the request
	at     time.Time
	done   bool
	again  bool // this is a copy, for a request that came again
	answer answer
	text   json.RawMessage
}

// begin looks for a request that was the same. It returns what is to be kept or was; nil
// as a key means that nothing is.
func (k *answers) begin(c *call, e *endpoint) (*kept, error) {
	key := c.r.Header.Get("Idempotency-Key")
	if key == "" || !e.changes() || e.secret || c.change.DryRun {
		return &kept{}, nil
	}
	if len(key) > maxKey {
		return nil, fault(codeBody, "an Idempotency-Key has at most %d characters", maxKey)
	}
	text, _ := json.Marshal([]string{c.who.tenant, c.who.name, c.r.Method, c.r.URL.EscapedPath(), c.r.URL.RawQuery, key})
	id, body := sha256.Sum256(text), sha256.Sum256(c.body)
	now := c.api.cfg.Now()
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.kept == nil {
		k.kept = make(map[[sha256.Size]byte]*kept)
	}
	k.clear(c.who.tenant, now)
	if known := k.kept[id]; known != nil {
		switch {
		case known.body != body:
			return nil, fault(codeKeyMismatch, "this Idempotency-Key was used for another body")
		case !known.done:
			return nil, fault(codeKeyInUse, "a request with this Idempotency-Key is being carried out")
		}
		return &kept{again: true, answer: known.answer, text: known.text}, nil
	}
	made := &kept{key: id, owner: c.who.tenant, body: body, at: now}
	k.kept[id] = made
	k.order = append(k.order, made)
	return made, nil
}

// clear makes room for one more of an owner's. The caller holds k.mu.
func (k *answers) clear(owner string, now time.Time) {
	for len(k.order) > 0 && (len(k.order) >= keptAnswers || now.Sub(k.order[0].at) > keptTime) {
		k.drop(0)
	}
	first, n := -1, 0
	for i, old := range k.order {
		if owner != "" && old.owner == owner {
			if n++; first < 0 {
				first = i
			}
		}
	}
	if n >= keptEach {
		k.drop(first)
	}
}

// drop forgets the answer at a place of the order.
func (k *answers) drop(i int) {
	if old := k.order[i]; k.kept[old.key] == old {
		delete(k.kept, old.key)
	}
	k.order = slices.Delete(k.order, i, i+1)
}

// keep keeps an answer.
func (k *answers) keep(made *kept, ans *answer) {
	if made.at.IsZero() {
		return
	}
	text, err := json.Marshal(ans.body)
	if err != nil || len(text) > maxKept {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	made.done, made.answer, made.text = true, answer{status: ans.status, revision: ans.revision}, text
}

// forget forgets a request whose answer was not kept, so that it may come again.
func (k *answers) forget(made *kept) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if made.done || k.kept[made.key] != made {
		return
	}
	if i := slices.Index(k.order, made); i >= 0 {
		k.drop(i)
	}
}

// play answers again.
func (made *kept) play(w http.ResponseWriter) {
	w.Header().Set("Idempotent-Replayed", "true")
	ans := made.answer
	if string(made.text) != "null" {
		ans.body = made.text
	}
	ans.send(w)
}
