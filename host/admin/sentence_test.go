package admin

import (
	"fmt"
	"io/fs"
	"testing"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// The code of a refusal says of which class it is; the sentence for people does not
// begin with it again, in the words of the room that found it.
func TestSentencesWithoutTheirClass(t *testing.T) {
	for _, c := range []struct {
		err  error
		code Code
		want string
	}{
		{fmt.Errorf("%w: foods@9 is not stored", tenant.ErrUnknown), codeUnknown, "foods@9 is not stored"},
		{fmt.Errorf("%w: percent is for the strategy canary", tenant.ErrInvalid), codeInvalid, "percent is for the strategy canary"},
		{fmt.Errorf("%w: %w: acme", tenant.ErrUnknown, registry.ErrNotFound), codeUnknown, "registry: not found: acme"},
		{fmt.Errorf("%w: the name", registry.ErrInvalid), codeInvalid, "the name"},
		{fmt.Errorf("%w: 13, and not 1", tenant.ErrConflict), codeRevision, "the revision is another one by now: 13, and not 1"},
		{fmt.Errorf("data: %w", fs.ErrPermission), codeStore, "data: permission denied"},
	} {
		if f := blame(c.err); f.code != c.code || f.message != c.want {
			t.Errorf("%v: %s %q, want %s %q", c.err, f.code, f.message, c.code, c.want)
		}
	}
}
