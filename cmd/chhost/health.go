package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

func healthCommand() *cli.Command {
	return &cli.Command{
		Name:      "health",
		Usage:     "ask a host whether it is at work, for where there is no curl",
		UsageText: "chhost health URL [FLAGS]",
		Description: "The exit code is 0 if URL is answered with 200, and 1 otherwise, also if nobody\n" +
			"answers. Without a path it is that of /healthz. /readyz says whether new clients should\n" +
			"come: that one says no as soon as the host is about to stop. The certificate of a host\n" +
			"at a loopback address is not checked, since it is for another name.\n\n" +
			"Example:\n\n" +
			"   chhost health http://127.0.0.1:4000",
		Flags:  []cli.Flag{&cli.DurationFlag{Name: "timeout", Value: 5 * time.Second, Usage: "wait for so much `TIME` at most"}},
		Action: runHealth,
	}
}

func runHealth(c *cli.Context) error {
	if err := arguments(c, "the URL of a host, such as http://127.0.0.1:4000/healthz"); err != nil {
		return err
	}
	target, err := url.Parse(c.Args().First())
	if err != nil || target.Host == "" || target.Scheme != "http" && target.Scheme != "https" {
		return &usageError{c.Command.Name, fmt.Sprintf("%q is no URL: expected http://HOST:PORT or https://HOST:PORT", c.Args().First())}
	}
	if target.Path == "" {
		target.Path = "/healthz"
	}
	ctx, cancel := context.WithTimeout(c.Context, c.Duration("timeout"))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	transport := &http.Transport{DisableKeepAlives: true}
	if ip := net.ParseIP(target.Hostname()); ip.IsLoopback() || target.Hostname() == "localhost" {
		transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: true}
	}
	client := http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	var failed *url.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s has not answered within %v", target.Redacted(), c.Duration("timeout"))
	case errors.As(err, &failed):
		return fmt.Errorf("%s does not answer: %w", target.Redacted(), failed.Err)
	case err != nil:
		return err
	}
	defer response.Body.Close()
	says, err := io.ReadAll(io.LimitReader(response.Body, 256))
	if err != nil {
		return fmt.Errorf("%s: %w", target.Redacted(), err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", target.Redacted(), response.Status, strings.ToValidUTF8(strings.TrimSpace(string(says)), ""))
	}
	return nil
}
