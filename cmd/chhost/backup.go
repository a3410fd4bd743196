package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/remote"
	"github.com/chhost/chhost/host/registry"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Category:  remoteCategory,
		Usage:     "write all tenants, plugins and settings to a file, while they are served",
		UsageText: "chhost backup FILE|- [--data DIR] [FLAGS]",
		Description: "FILE is a tar archive of what the host had at one moment: it serves on meanwhile. It\n" +
			"replaces FILE when it is complete and has been read back. With --data the registry in\n" +
			"DIR is saved, of a host that does not run. Unpacked into an empty directory, it is the\n" +
			"data of a host. The operator's token is not in it.\n\n" +
			"Examples:\n\n" +
			"   chhost backup chhost.tar\n" +
			"   mkdir -m 700 data2 && tar -xf chhost.tar -C data2 && chhost serve --data data2",
		Flags:  remoteFlags(&cli.StringFlag{Name: "data", Usage: "save what `DIR` has, without a host"}),
		Action: backup,
	}
}

func backup(c *cli.Context) error {
	if err := arguments(c, "the name of a file, such as chhost.tar, or - for the standard output"); err != nil {
		return err
	}
	write := fromHost(c)
	if dir := c.String("data"); dir != "" {
		write = fromDirectory(dir)
	}
	file := c.Args().First()
	if file == "-" {
		return write(c.Context, c.App.Writer)
	}
	part, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+"-*") // its mode is 0600
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // which has failed if it was renamed
	p := newProgress(c.App.ErrWriter, isTerminal(c.App.ErrWriter), "saving to "+file)
	defer p.end()
	err = write(c.Context, part)
	var modules int
	if err == nil {
		modules, err = checkBackup(part)
	}
	size, seekErr := part.Seek(0, io.SeekEnd)
	if err = errors.Join(err, seekErr, part.Sync(), part.Close()); err == nil {
		err = os.Rename(part.Name(), file)
	}
	p.end()
	if err != nil {
		return fmt.Errorf("there is no backup: %w", err)
	}
	if c.Bool("json") {
		return writeJSON(c.App.Writer, map[string]any{"file": file, "size": size, "modules": modules})
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s has everything: %d modules, %s\n", file, modules, sized(size))
	return err
}

// fromHost writes the backup that a running host makes.
func fromHost(c *cli.Context) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		a, err := connectTo(c)
		if err != nil {
			return err
		}
		defer a.Close()
		stream, err := a.Stream(ctx, remote.Call{Method: http.MethodGet, Path: remote.Path("v1", "backup"), Accept: "application/x-tar"})
		if err != nil {
			return told(c, err)
		}
		defer stream.Close()
		_, err = io.Copy(w, stream)
		return err
	}
}

// fromDirectory writes that of a directory, which no host uses.
func fromDirectory(dir string) func(context.Context, io.Writer) error {
	return func(ctx context.Context, w io.Writer) error {
		if _, err := os.Stat(dir); err != nil {
			return err // Open would make it
		}
		store, err := registry.Open(dir, registry.Config{})
		if errors.Is(err, registry.ErrInUse) {
			return fmt.Errorf("%w: a host serves it, so leave --data out and let it make the backup", err)
		}
		if err != nil {
			return err
		}
		return errors.Join(store.Backup(ctx, w), store.Close())
	}
}

// checkBackup reads an archive to its end and returns how many modules it has.
func checkBackup(f *os.File) (modules int, err error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	archive, database := tar.NewReader(f), false
	for {
		header, err := archive.Next()
		if err == io.EOF && database {
			return modules, nil
		}
		if err != nil {
			return 0, fmt.Errorf("the archive is not complete: %w", err)
		}
		if _, err := io.Copy(io.Discard, archive); err != nil {
			return 0, fmt.Errorf("the archive is not complete: %w", err)
		}
		if header.Name == "registry.db" {
			database = true
		} else {
			modules++
		}
	}
}
