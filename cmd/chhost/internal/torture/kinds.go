package torture

import "slices"

// What becomes of a module: it is refused when it is uploaded, fails in a callback
// (failsIn and the callback's name), is taken out of service, or is served.
const (
	Refused     = "refused"
	Served      = "served"
	Quarantined = "quarantined"

	failsIn = "fails in "
)

// A Kind is one way of being hostile, with what is to become of it.
type Kind struct {
	Name string
	// Fault is what is hostile about it, one sentence.
	Fault string
	// Verdict is what is to become of it. Empty: whatever the host decides, as long as
	// it decides.
	Verdict string
	// Words are parts of the reason: of the error that the upload returns, of what the
	// log says of a failure, of the answer to an event.
	Words []string
	// Group is what the report counts it among. Default: the name.
	Group string

	module func() []byte
	// costly: it takes seconds, and is left out of the short form.
	costly bool
	// apart: what becomes of it is decided by the limits of the compiler's process.
	apart bool
}

// Module returns the module, new with each call or shared; it must not be changed.
func (k *Kind) Module() []byte { return k.module() }

func (k *Kind) group() string {
	if k.Group != "" {
		return k.Group
	}
	return k.Name
}

// Kinds returns all that are declared, the files of the corpus before those that are
// generated. Names are unique. The error is one of the corpus.
func Kinds() ([]Kind, error) {
	all, err := fromCorpus(files())
	if err != nil {
		return nil, err
	}
	return slices.Concat(all, floods(), budgets(), chains(), oddNames(), bombs()), nil
}

// refusedFor makes a kind that is refused.
func refusedFor(name, fault string, module func() []byte, words ...string) Kind {
	return Kind{Name: name, Fault: fault, Verdict: Refused, Words: words, module: module}
}

func servedAs(name, fault string, module func() []byte) Kind {
	return Kind{Name: name, Fault: fault, Verdict: Served, Words: []string{noAnswer}, module: module}
}
