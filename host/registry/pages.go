package registry

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// This file looks at the database's pages before bbolt does, which believes all that
// it reads: a page that leads to itself would end the process with its stack, a count
// too large with its memory, and neither can be recovered from. What passes here is a
// tree whose pages lie within the file, each reached once, with keys that ascend.
//
// The format is bbolt's version 2, in the byte order of the machine. Offsets and sizes
// are in bytes.
const (
	pageHeader  = 16 // id uint64, flags uint16, count uint16, overflow uint32
	element     = 16 // branch: pos uint32, ksize uint32, id uint64; leaf: flags, pos, ksize, vsize uint32
	metaSize    = 64 // magic, version, page size, flags uint32; root, sequence, freelist, pages, txid, checksum uint64
	metaMagic   = 0xED0CDAED
	metaVersion = 2

	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
	bucketLeaf   = 0x01 // flag of a leaf element: its value is a bucket

	maxDepth    = 64
	noFreelist  = ^uint64(0)
	hugeCount   = 0xFFFF // the freelist's real count is its first element
	minPageSize = 512
	maxPageSize = 64 << 10
)

// pages reads a database's file.
type pages struct {
	file     io.ReaderAt
	pageSize int64
	count    uint64 // pages that are in use or free; what lies behind was never written
	seen     []uint64
}

// checkFile finds damage of a database's file that bbolt would not survive.
func checkFile(path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return failed("opening the database", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return failed("looking at the database", err)
	}
	if err := checkPages(f, info.Size()); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return nil
}

func checkPages(f io.ReaderAt, size int64) error {
	m, err := newestMeta(f)
	if err != nil {
		return err
	}
	p := &pages{file: f, pageSize: int64(m.pageSize), count: m.pages}
	if p.pageSize < minPageSize || p.pageSize > maxPageSize || p.pageSize&(p.pageSize-1) != 0 {
		return fmt.Errorf("pages of %d bytes", p.pageSize)
	}
	if m.pages < 3 || m.pages > uint64(size/p.pageSize) {
		return fmt.Errorf("%d pages of %d bytes in a file of %d bytes", m.pages, p.pageSize, size)
	}
	p.seen = make([]uint64, m.pages/64+1)
	if err := p.bucket(m.root, 0); err != nil {
		return err
	}
	if m.freelist == noFreelist {
		return nil
	}
	return p.freelist(m.freelist)
}

type meta struct {
	pageSize                    uint32
	root, freelist, pages, txid uint64
}

// newestMeta returns the meta page that bbolt would take. The second one lies where the
// first says, or at any power of two if the first is damaged.
func newestMeta(f io.ReaderAt) (meta, error) {
	first, ok := readMeta(f, 0)
	if ok {
		if second, ok := readMeta(f, int64(first.pageSize)); ok && second.txid > first.txid {
			return second, nil
		}
		return first, nil
	}
	for size := int64(minPageSize); size <= maxPageSize; size *= 2 {
		if second, ok := readMeta(f, size); ok && int64(second.pageSize) == size {
			return second, nil
		}
	}
	return meta{}, errors.New("no page says where the records are")
}

func readMeta(f io.ReaderAt, at int64) (meta, bool) {
	b := make([]byte, metaSize)
	if _, err := f.ReadAt(b, at+pageHeader); err != nil {
		return meta{}, false
	}
	order := binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:metaSize-8])
	ok := order.Uint32(b) == metaMagic && order.Uint32(b[4:]) == metaVersion && order.Uint64(b[metaSize-8:]) == sum.Sum64()
	return meta{
		pageSize: order.Uint32(b[8:]), root: order.Uint64(b[16:]), freelist: order.Uint64(b[32:]), pages: order.Uint64(b[40:]), txid: order.Uint64(b[48:]),
	}, ok
}

// read returns a page with what it overflows into, which nobody else may lead to.
func (p *pages) read(id uint64) ([]byte, error) {
	if id < 2 || id >= p.count {
		return nil, fmt.Errorf("page %d of %d", id, p.count)
	}
	header := make([]byte, pageHeader)
	if _, err := p.file.ReadAt(header, int64(id)*p.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	order := binary.NativeEndian
	overflow := uint64(order.Uint32(header[12:]))
	if order.Uint64(header) != id || overflow >= p.count-id {
		return nil, fmt.Errorf("page %d says that it is page %d, with %d more", id, order.Uint64(header), overflow)
	}
	for i := id; i <= id+overflow; i++ {
		if err := p.mark(i); err != nil {
			return nil, err
		}
	}
	page := make([]byte, int64(overflow+1)*p.pageSize)
	if _, err := p.file.ReadAt(page, int64(id)*p.pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return page, nil
}

func (p *pages) mark(id uint64) error {
	if p.seen[id/64]&(1<<(id%64)) != 0 {
		return fmt.Errorf("page %d is used twice", id)
	}
	p.seen[id/64] |= 1 << (id % 64)
	return nil
}

// bucket walks a bucket that has pages of its own.
func (p *pages) bucket(root uint64, depth int) error {
	return p.walk(root, depth, &bound{})
}

// bound is what the next key of a bucket has to exceed, or may be equal to.
type bound struct {
	key   []byte
	equal bool
}

// next tells whether a key keeps the bound, and makes it the next one.
func (b *bound) next(key []byte, equal bool) bool {
	order := bytes.Compare(key, b.key)
	ok := order > 0 || order == 0 && b.equal
	b.key, b.equal = key, equal
	return ok
}

// walk checks a page and what lies below it.
func (p *pages) walk(id uint64, depth int, b *bound) error {
	if depth > maxDepth {
		return errors.New("the tree is too deep")
	}
	page, err := p.read(id)
	if err != nil {
		return err
	}
	switch flags := binary.NativeEndian.Uint16(page[8:]); flags {
	case branchPage:
		return p.branch(page, id, depth, b)
	case leafPage:
		return p.leaf(page, id, depth, b)
	default:
		return fmt.Errorf("page %d is of kind %#x", id, flags)
	}
}

func (p *pages) branch(page []byte, id uint64, depth int, b *bound) error {
	order := binary.NativeEndian
	count := int(order.Uint16(page[10:]))
	if count == 0 {
		return fmt.Errorf("page %d leads nowhere", id)
	}
	for i := range count {
		key, _, err := cut(page, id, i, 0, 4, -1)
		if err != nil {
			return err
		}
		// What lies below begins with this key, or behind it.
		if !b.next(key, true) {
			return fmt.Errorf("page %d: keys do not ascend", id)
		}
		at := pageHeader + i*element
		if err := p.walk(order.Uint64(page[at+8:]), depth+1, b); err != nil {
			return err
		}
	}
	return nil
}

func (p *pages) leaf(page []byte, id uint64, depth int, b *bound) error {
	order := binary.NativeEndian
	for i := range int(order.Uint16(page[10:])) {
		key, value, err := cut(page, id, i, 4, 8, 12)
		if err != nil {
			return err
		}
		if !b.next(key, false) {
			return fmt.Errorf("page %d: keys do not ascend", id)
		}
		if order.Uint32(page[pageHeader+i*element:]) != bucketLeaf {
			continue
		}
		if len(value) < element {
			return fmt.Errorf("page %d: a bucket of %d bytes", id, len(value))
		}
		if root := order.Uint64(value); root != 0 {
			err = p.bucket(root, depth+1)
		} else {
			err = p.inline(value[element:], id)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// inline checks a small bucket, whose one page lies within its value. Buckets within it
// have pages of their own, or it would not be inline.
func (p *pages) inline(page []byte, id uint64) error {
	if len(page) < pageHeader || binary.NativeEndian.Uint16(page[8:]) != leafPage {
		return fmt.Errorf("page %d: a bucket within it is damaged", id)
	}
	var b bound
	for i := range int(binary.NativeEndian.Uint16(page[10:])) {
		key, _, err := cut(page, id, i, 4, 8, 12)
		if err != nil {
			return err
		}
		if !b.next(key, false) || binary.NativeEndian.Uint32(page[pageHeader+i*element:]) == bucketLeaf {
			return fmt.Errorf("page %d: a bucket within it is damaged", id)
		}
	}
	return nil
}

// cut returns the key and the value of element i, whose offsets within the element say
// where the position, the key's size and the value's size are; -1: there is no value.
func cut(page []byte, id uint64, i, pos, ksize, vsize int) (key, value []byte, err error) {
	order := binary.NativeEndian
	at := pageHeader + i*element
	if at+element > len(page) {
		return nil, nil, fmt.Errorf("page %d: element %d lies beyond it", id, i)
	}
	e := page[at : at+element]
	from, keys, values := uint64(at)+uint64(order.Uint32(e[pos:])), uint64(order.Uint32(e[ksize:])), uint64(0)
	if vsize >= 0 {
		values = uint64(order.Uint32(e[vsize:]))
	}
	if keys == 0 || from+keys+values > uint64(len(page)) {
		return nil, nil, fmt.Errorf("page %d: element %d reaches beyond it", id, i)
	}
	return page[from : from+keys], page[from+keys : from+keys+values], nil
}

// freelist checks that free pages are not used as well: they would be overwritten.
func (p *pages) freelist(id uint64) error {
	page, err := p.read(id)
	if err != nil {
		return err
	}
	order := binary.NativeEndian
	if order.Uint16(page[8:]) != freelistPage {
		return fmt.Errorf("page %d is no list of free pages", id)
	}
	ids, count := page[pageHeader:], uint64(order.Uint16(page[10:]))
	if count == hugeCount {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids)/8) {
		return fmt.Errorf("page %d: %d free pages do not fit in", id, count)
	}
	for i := range count {
		free := order.Uint64(ids[8*i:])
		if free < 2 || free >= p.count {
			return fmt.Errorf("page %d: page %d of %d is free", id, free, p.count)
		}
		if err := p.mark(free); err != nil {
			return err
		}
	}
	return nil
}
