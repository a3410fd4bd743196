package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
)

// pageSize is how many entries of a list are asked for at once: what a host answers at
// most.
const pageSize = "1000"

// pages reads a list of the host from its begin, page by page, and gives each to take.
func (a *remoteHost) pages(c *cli.Context, path string, take func(page *remote.Answer) error) error {
	query := url.Values{"limit": {pageSize}}
	for {
		var cursor struct {
			Next string `json:"next"`
		}
		page, err := a.ask(c, remote.Call{Method: http.MethodGet, Path: path, Query: query}, &cursor)
		if err != nil {
			return err
		}
		if err := take(page); err != nil || cursor.Next == "" {
			return err
		}
		if cursor.Next == query.Get("after") {
			return errors.New("the host's list does not go on where it says; is it of another version?")
		}
		query.Set("after", cursor.Next)
	}
}

// list reads all entries of a list, which pages have as their member of that name, into
// v, a pointer to a slice. The answer is what one page of them all would be.
func (a *remoteHost) list(c *cli.Context, path, member string, v any) (*remote.Answer, error) {
	whole, entries := &remote.Answer{}, []json.RawMessage{}
	err := a.pages(c, path, func(page *remote.Answer) error {
		var members map[string]json.RawMessage
		if err := page.Into(&members); err != nil {
			return err
		}
		var more []json.RawMessage
		part := &remote.Answer{JSON: members[member]}
		if err := part.Into(&more); err != nil {
			return err
		}
		entries, whole.Revision = append(entries, more...), page.Revision
		return nil
	})
	if err != nil {
		return nil, err
	}
	all, err := json.Marshal(entries)
	if err != nil {
		return nil, err
	}
	if whole.JSON, err = json.Marshal(map[string]json.RawMessage{member: all}); err != nil {
		return nil, err
	}
	return whole, (&remote.Answer{JSON: all}).Into(v)
}
