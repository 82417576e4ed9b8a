package random

import (
	"crypto/rand"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"golang.org/x/crypto/bcrypt"
)

// classes are the character classes of a password, by the input that switches each.
var classes = []struct{ name, minimum, alphabet string }{
	{"lower", "minLower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"numeric", "minNumeric", "0123456789"},
	{"special", "minSpecial", "!@#$%&*()-_=+[]{}<>:?"},
}

func pick(alphabet string) (byte, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(alphabet))))
	if err != nil {
		return 0, err
	}
	return alphabet[n.Int64()], nil
}

// compose draws the minimum of each class, fills up from all enabled ones, and shuffles.
func compose(inputs object) (string, error) {
	size, _ := inputs["length"].(float64)
	length := int(size)
	var slots []string
	all := ""
	for _, class := range classes {
		alphabet := class.alphabet
		if override, given := inputs["overrideSpecial"].(string); given && class.name == "special" && override != "" {
			alphabet = override
		}
		minimum, _ := inputs[class.minimum].(float64)
		slots = append(slots, slices.Repeat([]string{alphabet}, int(minimum))...)
		if inputs[class.name] == true {
			all += alphabet
		}
	}
	switch {
	case length < 1 || len(slots) > length:
		return "", fmt.Errorf("must be at least 1 and at least the sum of minLower, minUpper, minNumeric and minSpecial (%d), got: %d", len(slots), length)
	case len(slots) < length && all == "":
		return "", errors.New("at least one of lower, upper, numeric and special must be true")
	}
	for len(slots) < length {
		slots = append(slots, all)
	}
	out := make([]byte, length)
	for i := range out {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(length-i)))
		if err != nil {
			return "", err
		}
		j := i + int(n.Int64())
		slots[i], slots[j] = slots[j], slots[i]
		if out[i], err = pick(slots[i]); err != nil {
			return "", err
		}
	}
	return string(out), nil
}

// hash returns the bcrypt hash of a password; bcrypt reads 72 bytes at most.
func hash(value string) (string, error) {
	hashed, err := bcrypt.GenerateFromPassword([]byte(value)[:min(len(value), 72)], bcrypt.DefaultCost)
	return string(hashed), err
}
