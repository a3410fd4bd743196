package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/host/tenant"
)

// How large a body may be, and how long it may take to arrive.
const (
	maxModule  = 16 << 20
	maxJSON    = 1 << 20
	moduleTime = 2 * time.Minute
	jsonTime   = 20 * time.Second
)

// call is a request that is being carried out.
type call struct {
	api    *API
	w      http.ResponseWriter
	r      *http.Request
	who    identity
	tenant *tenant.Tenant // that the path names, if it names one that there is
	name   string         // of that tenant
	body   []byte
	change tenant.Request
	// missing: only what is not there is to be made.
	missing bool
	// query are the parameters, each at most once.
	query url.Values
	// places are those in which it has one.
	places []*places
}

// answer is what is sent back.
type answer struct {
	status   int
	body     any
	revision uint64 // of the tenant; 0: not told
}

// serve carries out a request to an endpoint.
func (a *API) serve(w http.ResponseWriter, r *http.Request, e *endpoint) {
	c := &call{api: a, w: w, r: r, name: r.PathValue("tenant")}
	defer c.leave()
	if err := c.enter(e); err != nil {
		a.refuse(w, r, err)
		return
	}
	if e.stream != nil {
		if err := e.stream(c); err != nil {
			a.refuse(w, r, err)
		}
		return
	}
	done, err := a.kept.begin(c, e)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if done.again {
		done.play(w)
		return
	}
	defer a.kept.forget(done) // what failed may go well the next time; also after a bug of the host
	if e.rated() && !c.who.operator {
		if err := c.tenant.MayChange(); err != nil {
			a.refuse(w, r, err)
			return
		}
	}
	ans, err := e.serve(c)
	if err != nil {
		a.refuse(w, r, err)
		return
	}
	if ans.status == 0 {
		ans.status = e.status()
	}
	if c.change.DryRun && ans.status == http.StatusCreated {
		ans.status = http.StatusOK // nothing was made
	}
	a.kept.keep(done, ans)
	ans.send(w)
}

func (ans *answer) send(w http.ResponseWriter) {
	if ans.revision > 0 {
		w.Header().Set("ETag", strconv.Quote(strconv.FormatUint(ans.revision, 10)))
	}
	if ans.body == nil {
		patient(w)
		w.WriteHeader(ans.status)
		return
	}
	write(w, ans.status, ans.body)
}

// enter checks who asks for what, and reads the body.
func (c *call) enter(e *endpoint) error {
	if e.scope != forAll {
		var err error
		if c.who, err = c.api.identify(c.r); err != nil {
			return err
		}
		// The same answer whether there is such a tenant or not.
		if !c.who.operator && (e.scope == forOperator || (e.scope == forTenant && c.who.tenant != c.name)) {
			return fault(codeForbidden, "this token is good for the plugins, routes and clients of its tenant only")
		}
	}
	if err := c.find(e); err != nil {
		return err
	}
	if c.who.tenant != "" && c.name != "" && e.stream == nil && e.Body != moduleBody {
		if err := c.place(&c.api.requests); err != nil {
			return err
		}
	}
	if err := c.conditions(e); err != nil {
		return err
	}
	if err := c.read(e); err != nil {
		return err
	}
	// A body may take minutes, and the token may have been taken back meanwhile, or the
	// name of the tenant be another's.
	if e.Body != noBody && !c.who.operator && !c.stillMay() {
		return fault(codeToken, "the token is not known, or has expired")
	}
	return nil
}

// find finds the tenant that the path names. Who asks with a deploy token has been let in
// as that of one tenant, and is at that one, even if it was deleted since and another has
// its name.
func (c *call) find(e *endpoint) error {
	if c.name == "" {
		return nil
	}
	if c.tenant = c.who.holder; c.tenant == nil {
		c.tenant, _ = c.api.cfg.Tenants.Tenant(c.name)
	}
	switch {
	case c.tenant != nil && !e.damaged:
		return c.tenant.Damage()
	case c.tenant == nil && !e.makes:
		return fault(codeUnknown, "there is no tenant %q", c.name)
	}
	return nil
}

// conditions reads what a change depends on.
func (c *call) conditions(e *endpoint) error {
	c.change.By, c.change.Operator = c.who.name, c.who.operator
	var err error
	if c.query, err = url.ParseQuery(c.r.URL.RawQuery); err != nil {
		// A dry run that cannot be read is not to become one that is meant.
		return fault(codeBody, "the parameters cannot be read: %v", err)
	}
	for key, values := range c.query {
		if _, known := e.Query[key]; !known && (key != "dry_run" || !e.changes()) {
			return fault(codeBody, "there is no parameter %q here", key)
		}
		if len(values) > 1 {
			return fault(codeBody, "the parameter %q is there more than once", key)
		}
	}
	if c.change.DryRun, err = boolean("dry_run", c.query.Get("dry_run")); err != nil {
		return err
	}
	for _, field := range []string{"If-Match", "If-None-Match", "Idempotency-Key", "Content-Type"} {
		if len(c.r.Header.Values(field)) > 1 {
			return fault(codeBody, "the field %s is there more than once", field)
		}
	}
	if tag := c.r.Header.Get("If-Match"); tag != "" && tag != "*" {
		text, err := strconv.Unquote(tag)
		if err != nil || !strings.HasPrefix(tag, `"`) {
			return fault(codeBody, `If-Match is a revision, such as "7"`)
		}
		if c.change.IfRevision, err = strconv.ParseUint(text, 10, 64); err != nil || c.change.IfRevision == 0 {
			return fault(codeBody, `If-Match is a revision, such as "7"`)
		}
	}
	switch c.r.Header.Get("If-None-Match") {
	case "":
	case "*":
		c.missing = true
	default:
		return fault(codeBody, "If-None-Match can be * only")
	}
	return nil
}

// boolean reads a parameter that is 1 or 0.
func boolean(name, text string) (bool, error) {
	switch text {
	case "", "0", "false":
		return false, nil
	case "1", "true":
		return true, nil
	}
	return false, fault(codeBody, "%s is 1 or 0", name)
}

// read reads the body, within bounds of size and time.
func (c *call) read(e *endpoint) error {
	most, within, want := int64(maxJSON), jsonTime, "application/json"
	switch e.Body {
	case noBody:
		if c.r.ContentLength > 0 || len(c.r.TransferEncoding) > 0 {
			return fault(codeBody, "there is nothing to send here")
		}
		return c.whole()
	case moduleBody:
		most, within, want = maxModule, moduleTime, "application/wasm"
	}
	if c.r.Header.Get("Content-Encoding") != "" {
		return fault(codeType, "compressed bodies are not taken: send it as it is")
	}
	kind, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if (err != nil || kind != want) && (e.Body != optionalBody || c.r.ContentLength != 0) {
		return fault(codeType, "the body has to be %s", want)
	}
	if c.r.ContentLength > most {
		return fault(codeTooLarge, "the body has more than %d bytes", most)
	}
	if e.Body == moduleBody {
		if err := c.place(&c.api.uploads); err != nil {
			return err
		}
	}
	// A recorder of tests has no deadlines; a connection has.
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Now().Add(within))
	c.body, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, most))
	if err != nil {
		if errors.As(err, new(*http.MaxBytesError)) {
			return err
		}
		return fault(codeBody, "the body did not come whole, or not in time")
	}
	return c.whole()
}

// whole ends the time within which the request was to come.
func (c *call) whole() error {
	_ = http.NewResponseController(c.w).SetReadDeadline(time.Time{})
	return nil
}

// leave gives back what the call has taken.
func (c *call) leave() {
	for _, p := range c.places {
		p.give(c.who.tenant)
	}
}

// place waits for a place, which leave gives back.
func (c *call) place(p *places) error {
	if err := p.take(c.r.Context(), c.who.tenant); err != nil {
		return err
	}
	c.places = append(c.places, p)
	return nil
}

// answerTime is how long somebody may take to read an answer, or the next part of one.
const answerTime = time.Minute

// patient gives who asks its time to read what is written next.
func patient(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTime))
}

// decode reads the body into v. Names that there are not, names that come twice, and what
// follows are refused: who misspells a limit wants it, and is to know.
func (c *call) decode(v any) error {
	if len(bytes.TrimSpace(c.body)) == 0 {
		return nil // an optional body; others are not empty by their type
	}
	if err := onlyOnce(c.body); err != nil {
		return err
	}
	var whole any
	if err := json.Unmarshal(c.body, &whole); err != nil {
		return fault(codeBody, "the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, ok := whole.(map[string]any); !ok {
		return fault(codeBody, "the body has to be an object")
	}
	if name, ok := foreign(whole, schemaOf(reflect.TypeOf(v))); ok {
		return fault(codeBody, "there is no member %q here", name)
	}
	if err := json.Unmarshal(c.body, v); err != nil {
		return fault(codeBody, "the body cannot be read: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// foreign finds a name within a value that the schema does not have as it is written:
// encoding/json would take one in other letters for the same.
func foreign(value any, schema object) (name string, found bool) {
	switch value := value.(type) {
	case []any:
		items, _ := schema["items"].(object)
		for _, v := range value {
			if name, found := foreign(v, items); found {
				return name, true
			}
		}
	case map[string]any:
		properties, closed := schema["properties"].(object)
		others, _ := schema["additionalProperties"].(object)
		for name, v := range value {
			below := others
			if closed {
				if below, found = properties[name].(object); !found {
					return name, true
				}
			}
			if name, found := foreign(v, below); found {
				return name, true
			}
		}
	}
	return "", false
}

const (
	// maxDepth is how far JSON may be nested.
	maxDepth = 64
	// maxNested is how many objects and arrays may be in a body: of three bytes each
	// becomes a hundred times as much.
	maxNested = 50_000
)

// onlyOnce refuses what is no single JSON value, and members of one name, of which
// different readers take different ones.
func onlyOnce(data []byte) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var names []map[string]bool // of the objects that are open; nil for an array
	var key []bool              // whether a name comes next
	nested := 0
	for n := 0; ; n++ {
		token, err := d.Token()
		if err == io.EOF && n > 0 && len(names) == 0 {
			return nil
		}
		if err != nil {
			return fault(codeBody, "the body is not JSON: %s", strings.TrimPrefix(err.Error(), "json: "))
		}
		if n > 0 && len(names) == 0 {
			return fault(codeBody, "the body has more than one JSON value")
		}
		if len(names) >= maxDepth {
			return fault(codeBody, "the body is nested too deeply")
		}
		if token == json.Delim('{') || token == json.Delim('[') {
			if nested++; nested > maxNested {
				return fault(codeBody, "the body has more than %d objects and arrays", maxNested)
			}
		}
		last := len(names) - 1
		if name, ok := token.(string); ok && last >= 0 && names[last] != nil && key[last] {
			if names[last][name] {
				return fault(codeBody, "the body names %q twice", name)
			}
			names[last][name], key[last] = true, false
			continue
		}
		switch token {
		case json.Delim('{'):
			names, key = append(names, make(map[string]bool)), append(key, true)
			continue
		case json.Delim('['):
			names, key = append(names, nil), append(key, false)
			continue
		case json.Delim('}'), json.Delim(']'):
			names, key = names[:last], key[:last]
			last--
		}
		if last >= 0 && names[last] != nil {
			key[last] = true // the value has ended
		}
	}
}

// plugin is the plugin that the path names.
func (c *call) plugin() string { return c.r.PathValue("plugin") }

func seqOf(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 {
		return 0, fmt.Errorf("%q is no number of a version", text)
	}
	return n, nil
}
