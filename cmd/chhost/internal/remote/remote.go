// Package remote talks to a running host: the client of its admin API, and the contexts that say where hosts are.
//
// Nothing here starts a goroutine, and no error repeats a token.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Bounds of what a host answers, in bytes.
const (
	maxAnswer = 32 << 20
	maxFailed = 1 << 20
)

// headerWait is how long a host may take before it answers: an upload is checked,
// compiled and tried meanwhile, and may have to wait for others of its tenant; a drain
// takes five minutes at most.
const headerWait = 6 * time.Minute

// Config says where a host is and who asks.
type Config struct {
	// Server is the address of its admin API, such as http://127.0.0.1:4001. Needed.
	Server string
	// Token is the operator's or a deploy token. Empty: none is sent.
	Token string
	// Plain sends the token over http:// to other machines too. Default: it is refused,
	// since whoever is on the way would read it.
	Plain bool
	// CA are the certificates of the authorities, in PEM, by one of which the host's own has
	// to be signed; they are for https:// only. Empty: those that this machine knows.
	CA string
	// Agent is sent as the user agent. Default that of package http.
	Agent string
}

// Client calls the admin API of one host. It is safe for concurrent use.
type Client struct {
	config Config
	base   *url.URL
	http   *http.Client
}

// New returns a client. It connects to nothing. The error says what is wrong with the
// address.
func New(c Config) (*Client, error) {
	base, err := ParseServer(c.Server)
	if err != nil {
		return nil, err
	}
	if base.Scheme == "http" && c.Token != "" && !c.Plain && !isLoopback(base.Hostname()) {
		return nil, fmt.Errorf("the token would cross the network to %s unencrypted: use https://, or a tunnel such as ssh -L 4001:127.0.0.1:4001 %s, or log in with --plain if the network is yours alone", base.Host, base.Hostname())
	}
	if base.Scheme == "http" && c.CA != "" {
		return nil, fmt.Errorf("the certificate of an authority is for https://, and %s speaks no TLS: leave --ca out, or ask for it with https://", base)
	}
	secure, err := trusting(c.CA)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:       secure,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: headerWait,
		MaxIdleConns:          2,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
	}
	return &Client{config: c, base: base, http: &http.Client{
		Transport: transport,
		// Who is sent elsewhere would take the token along.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// ParseServer reads the address of an admin API; without a scheme it is http.
func ParseServer(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return nil, fmt.Errorf("%q is no address of a host: expected one such as http://127.0.0.1:4001", text)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the address of a host has no user, query or fragment: expected one such as http://127.0.0.1:4001")
	}
	u.Path = strings.TrimSuffix(u.Path, "/")
	return u, nil
}

func isLoopback(name string) bool {
	if name == "localhost" {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// Close closes the connections that are kept.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Server is the host's address.
func (c *Client) Server() string { return c.base.String() }

// Call is one request. Method and Path are needed.
type Call struct {
	Method string
	// Path is made by [Path].
	Path  string
	Query url.Values
	// JSON is what is sent, unless Body is. Nil: nothing.
	JSON any
	// Body is sent as it is, Size bytes of the type Type.
	Body io.Reader
	Size int64
	Type string
	// Accept is the type that is wanted. Default JSON.
	Accept string
	// IfRevision is the revision of the tenant that a change is meant for. 0: any.
	IfRevision uint64
	// IfMissing lets a PUT only make what is not there.
	IfMissing bool
	// Key lets a change that is sent twice happen once.
	Key string
}

// Path is the path of something: its parts may be any text.
func Path(parts ...string) string {
	var b strings.Builder
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// Answer is what a host has answered.
type Answer struct {
	// JSON is the answer, empty if there is none.
	JSON json.RawMessage
	// Revision is the tenant's, if it was told.
	Revision uint64
}

// Into decodes the answer.
func (a *Answer) Into(v any) error {
	if err := json.Unmarshal(a.JSON, v); err != nil {
		return fmt.Errorf("the host's answer is not what was expected; is it of another version? (%w)", err)
	}
	return nil
}

// Do makes a call and reads the answer. The error is an [*Error] if the host refused.
func (c *Client) Do(ctx context.Context, call Call) (*Answer, error) {
	resp, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := readAll(resp.Body, maxAnswer)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	a := &Answer{JSON: bytes.TrimSpace(data)}
	if tag, err := strconv.Unquote(resp.Header.Get("Etag")); err == nil {
		a.Revision, _ = strconv.ParseUint(tag, 10, 64)
	}
	return a, nil
}

// Stream makes a call whose answer is read as it comes. The caller closes it.
func (c *Client) Stream(ctx context.Context, call Call) (io.ReadCloser, error) {
	resp, err := c.send(ctx, call)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// send makes a call and returns the response if it is a good one.
func (c *Client) send(ctx context.Context, call Call) (*http.Response, error) {
	r, err := c.request(ctx, call)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	data, err := readAll(resp.Body, maxFailed)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if speaksTLS(c, resp.StatusCode, data) {
		return nil, fmt.Errorf("%s speaks TLS: ask for it with https://%s", c.Server(), strings.TrimPrefix(c.Server(), "http://"))
	}
	return nil, failure(c.Server(), resp, data)
}

func (c *Client) request(ctx context.Context, call Call) (*http.Request, error) {
	address := c.base.String() + call.Path
	if len(call.Query) > 0 {
		address += "?" + call.Query.Encode()
	}
	body, size, kind := call.Body, call.Size, call.Type
	if body == nil && call.JSON != nil {
		data, err := json.Marshal(call.JSON)
		if err != nil {
			return nil, err
		}
		body, size, kind = bytes.NewReader(data), int64(len(data)), "application/json"
	}
	r, err := http.NewRequestWithContext(ctx, call.Method, address, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.ContentLength = size
		r.Header.Set("Content-Type", kind)
	}
	for name, value := range map[string]string{
		"Accept": orElse(call.Accept, "application/json"), "User-Agent": c.config.Agent, "Idempotency-Key": call.Key,
	} {
		if value != "" {
			r.Header.Set(name, value)
		}
	}
	if c.config.Token != "" {
		r.Header.Set("Authorization", "Bearer "+c.config.Token)
	}
	if call.IfRevision != 0 {
		r.Header.Set("If-Match", strconv.Quote(strconv.FormatUint(call.IfRevision, 10)))
	}
	if call.IfMissing {
		r.Header.Set("If-None-Match", "*")
	}
	return r, nil
}

func orElse(text, other string) string {
	if text == "" {
		return other
	}
	return text
}

// readAll reads a body that may not be larger than most bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("the answer is larger than %d MiB", most>>20)
	}
	return data, err
}
