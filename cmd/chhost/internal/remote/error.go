package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"unicode"
)

// Error is a refusal of a host.
type Error struct {
	// Status is the HTTP status.
	Status int
	// Code is the word for programs, and Message the sentence for people.
	Code, Message string
	// Faults are all that is wrong, if there is a list of it: of a module, say.
	Faults []string
	// Raw is the error as it came, for programs. It may be empty.
	Raw json.RawMessage
	// path is what was asked for.
	path string
}

// Error is the message, with the faults and with what can be done.
func (e *Error) Error() string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(e.Message), "\n") {
		if i > 0 {
			b.WriteString("\n  ")
		}
		b.WriteString(Printable(line))
	}
	if e.Code != "" {
		fmt.Fprintf(&b, " (%s)", Printable(e.Code))
	}
	for _, fault := range e.Faults {
		if strings.Contains(e.Message, fault) {
			continue // it stands there already
		}
		fmt.Fprintf(&b, "\n  %s", Printable(fault))
	}
	if advice := e.advice(); advice != "" {
		b.WriteString("\n" + advice)
	}
	return b.String()
}

// advice says what to do next, where that is not the host's to know.
func (e *Error) advice() string {
	switch e.Status {
	case http.StatusUnauthorized:
		return "Log in with chhost login, or name another token with CHHOST_TOKEN or --token-file."
	case http.StatusForbidden:
		if e.Code == "host_not_allowed" {
			return "Name the host by its address, or have chhost serve use --admin-host with the name that you ask for."
		}
		if strings.Contains(e.Code, "operator") || e.Code == "forbidden" {
			return "A deploy token is for the plugins of one tenant; the rest is the operator's: chhost contexts shows who you are."
		}
	case http.StatusNotFound:
		if e.Code == "unknown" {
			return e.adviceUnknown()
		}
	case http.StatusPreconditionFailed, http.StatusConflict:
		if strings.Contains(e.Code, "revision") || e.Code == "conflict" {
			return "Somebody has changed the tenant since: look at it again (chhost tenant show), then try once more."
		}
	}
	return ""
}

// adviceUnknown says where to look for what the host does not know.
func (e *Error) adviceUnknown() string {
	within := func(part string) bool { return strings.Contains(e.path, "/"+part+"/") }
	switch {
	case strings.HasPrefix(e.Message, "there is no tenant"):
		return "chhost tenant list tells the operator which there are, chhost tenant create makes one, and chhost contexts says which one is meant."
	case within("sockets"):
		return "chhost tenant sockets lists those that are connected to this host."
	case within("tokens"):
		return "chhost deploy-token list lists those of the tenant."
	}
	return "chhost tenant show tells what the tenant has, chhost push uploads a plugin, and chhost contexts says which tenant is meant."
}

// failure reads a refusal.
func failure(server string, resp *http.Response, body []byte) error {
	var answer struct {
		Error struct {
			Code    string          `json:"code"`
			Message string          `json:"message"`
			Detail  json.RawMessage `json:"detail"`
		} `json:"error"`
	}
	e := &Error{Status: resp.StatusCode}
	if resp.Request != nil {
		e.path = resp.Request.URL.Path
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.Error.Message == "" {
		e.Message = fmt.Sprintf("%s answers %s: is that the admin API of a host?", server, resp.Status)
		return e
	}
	e.Code, e.Message, e.Raw = answer.Error.Code, answer.Error.Message, body
	e.Faults = faults(answer.Error.Detail)
	return e
}

// faults are the strings of a detail: a list of them, or the member "faults" of an
// object.
func faults(detail json.RawMessage) []string {
	var list []string
	if json.Unmarshal(detail, &list) == nil {
		return list
	}
	var object struct {
		Faults []string `json:"faults"`
	}
	_ = json.Unmarshal(detail, &object) // a detail of another form says nothing more
	return object.Faults
}

// unreachable says what to do when there is no answer. It names the server and not
// the whole URL.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	if told := c.mistrust(err); told != nil {
		return told
	}
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("nobody answers at %s: does chhost serve --data run there, with this --admin-addr? (%w)", c.Server(), err)
	}
	return fmt.Errorf("no answer from %s: %w", c.Server(), err)
}

// Printable is a text that fills a line of a terminal and does nothing else to it:
// what tenants and plugins write, a terminal would obey.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, text)
}
