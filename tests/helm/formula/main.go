// What KEDA makes of a scalingModifiers formula: `formula FORMULA name=value…` prints it. KEDA compiles formulas with the
// same library, casts the result in the same way, and tries each with -1 for all triggers before it accepts it.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"strings"

	"github.com/expr-lang/expr"
)

func main() {
	values := map[string]float64{}
	probe := map[string]float64{}
	for _, argument := range os.Args[2:] {
		name, text, _ := strings.Cut(argument, "=")
		number, err := strconv.ParseFloat(text, 64)
		if err != nil {
			log.Fatal(err)
		}
		values[name], probe[name] = number, -1
	}
	program, err := expr.Compile("float("+os.Args[1]+")", expr.Env(probe))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := expr.Run(program, probe); err != nil {
		log.Fatal(err)
	}
	result, err := expr.Run(program, values)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(result)
}
