using System.Globalization;
using PtxEmulator.Isa;

namespace PtxEmulator.Parsing;

/// <summary>Parses a PTX module. Names are resolved while parsing, so that an undeclared register is an error of its line.</summary>
internal sealed partial class PtxParser
{
    private readonly List<Token> _tokens;
    private readonly PtxModule _module = new();
    private int _at;

    private PtxParser(string text) => _tokens = PtxLexer.Tokenize(text);

    public static PtxModule Parse(string text)
    {
        var parser = new PtxParser(text);
        parser.ParseModule();
        return parser._module;
    }

    private Token Current => _tokens[_at];

    private PtxSyntaxException Error(string message) => new(Current.Line, message);

    private Token Take() => _tokens[_at++];

    private bool TryTake(char punctuation)
    {
        if (!Current.Is(punctuation)) return false;
        _at++;
        return true;
    }

    private void Expect(char punctuation)
    {
        if (!TryTake(punctuation)) throw Error($"expected '{punctuation}', found {Current}");
    }

    private bool TryDirective(string name)
    {
        if (Current.Kind != TokenKind.Directive || Current.Text != name) return false;
        _at++;
        return true;
    }

    private string ExpectName()
    {
        if (Current.Kind != TokenKind.Identifier) throw Error($"expected a name, found {Current}");
        return Take().Text;
    }

    /// <summary>A name that is declared here.</summary>
    private string ExpectNewName()
    {
        if (Keywords.Contains(Current.Text)) throw Error($"{Current.Text} is the name of an instruction and cannot be declared");
        return ExpectName();
    }

    private void ParseModule()
    {
        if (!TryDirective("version")) throw Error($"a module begins with .version, not {Current}");
        var parts = Take().Text.Split('.');
        if (parts.Length != 2 || !int.TryParse(parts[0], out var major) || !int.TryParse(parts[1], out var minor))
        {
            throw Error(".version wants major.minor");
        }

        _module.Version = major * 10 + minor;
        if (!TryDirective("target")) throw Error($".version is followed by .target, not {Current}");
        do
        {
            var target = ExpectName();
            if (target.StartsWith("sm_", StringComparison.Ordinal) && int.TryParse(target.AsSpan(3), out var level)) _module.Target = level;
            else if (target is not ("debug" or "texmode_independent" or "texmode_unified")) throw Error($"unknown target {target}");
        }
        while (TryTake(','));
        if (TryDirective("address_size") && Take().Text != "64") throw Error("only .address_size 64 is emulated");

        while (Current.Kind != TokenKind.End)
        {
            if (TryTake(';')) continue;
            ParseTopLevel();
        }
    }

    private void ParseTopLevel()
    {
        var isExtern = false;
        while (Current.Kind == TokenKind.Directive && Current.Text is "visible" or "extern" or "weak" or "common")
        {
            isExtern |= Take().Text == "extern";
        }

        if (Current.Kind != TokenKind.Directive) throw Error($"expected a directive, found {Current}");
        switch (Current.Text)
        {
            case "entry":
            case "func":
                ParseFunction(Take().Text == "entry", isExtern);
                break;
            case "global":
            case "const":
            case "shared":
                foreach (var variable in ParseVariables(isExtern)) Declare(variable);
                break;
            case "file":
            case "loc":
            case "pragma":
                SkipDebug();
                break;
            case "section":
                while (!Current.Is('{')) _at++;
                while (!Current.Is('}')) _at++;
                _at++;
                break;
            default:
                throw Error($"directive .{Current.Text} is not emulated here");
        }
    }

    private void Declare(PtxVariable variable)
    {
        if (!_module.Variables.TryAdd(variable.Name, variable)) throw new PtxSyntaxException(variable.Line, $"{variable.Name} is declared twice");
    }

    private void SkipDebug()
    {
        var line = Current.Line;
        _at++;
        while (Current.Line == line && Current.Kind != TokenKind.End) _at++;
    }

    /// <summary>.space [.align n] .type name[n] [= initial], …;</summary>
    private List<PtxVariable> ParseVariables(bool isExtern)
    {
        var space = Take().Text switch
        {
            "global" => StateSpace.Global,
            "const" => StateSpace.Const,
            "shared" => StateSpace.Shared,
            "local" => StateSpace.Local,
            _ => StateSpace.Param,
        };
        var (type, alignment, vector) = ParseVariableType();
        var result = new List<PtxVariable>();
        do
        {
            var line = Current.Line;
            var name = ExpectNewName();
            var elements = 1L;
            var isDynamic = false;
            while (TryTake('['))
            {
                if (TryTake(']'))
                {
                    isDynamic = true;
                    continue;
                }

                elements *= ParseCount();
                Expect(']');
            }

            byte[]? initial = null;
            if (TryTake('=')) initial = ParseInitial(type);
            if (isDynamic && initial is null && !(isExtern && space == StateSpace.Shared) && space != StateSpace.Param)
            {
                throw new PtxSyntaxException(line, $"{name} needs a length (only .extern .shared may go without)");
            }

            var bytes = isDynamic ? initial?.LongLength ?? 0 : elements * vector * type.Bytes();
            if (initial is not null)
            {
                if (initial.LongLength > bytes) throw new PtxSyntaxException(line, $"{name} is given {initial.LongLength} bytes but declared with {bytes}");
                Array.Resize(ref initial, (int)bytes);
            }

            result.Add(new PtxVariable(name, space, type, bytes, Math.Max(alignment, type.Bytes() * vector), initial, line)
            {
                IsDynamic = isDynamic && initial is null,
            });
        }
        while (TryTake(','));
        Expect(';');
        return result;
    }

    private (ScalarType Type, int Alignment, int Vector) ParseVariableType()
    {
        var alignment = 0;
        var vector = 1;
        while (Current.Kind == TokenKind.Directive)
        {
            if (TryDirective("align")) alignment = (int)ParseCount();
            else if (TryDirective("v2")) vector = 2;
            else if (TryDirective("v4")) vector = 4;
            else break;
        }

        var type = Current.Kind == TokenKind.Directive ? ScalarTypes.Parse(Current.Text) : ScalarType.None;
        if (type == ScalarType.None) throw Error($"expected a type, found {Current}");
        _at++;
        // .ptr .global .align n of kernel parameters is a hint.
        if (TryDirective("ptr"))
        {
            while (Current.Kind == TokenKind.Directive)
            {
                if (TryDirective("align")) ParseCount();
                else _at++;
            }
        }

        return (type, alignment, vector);
    }

    private byte[] ParseInitial(ScalarType type)
    {
        var bytes = new List<byte>();
        void Element()
        {
            if (TryTake('{'))
            {
                if (TryTake('}')) return;
                do Element();
                while (TryTake(','));
                Expect('}');
                return;
            }

            var bits = ParseNumber() switch
            {
                IntegerOperand integer when !type.IsFloat() => integer.Bits,
                FloatOperand f when type == ScalarType.F32 => BitConverter.SingleToUInt32Bits((float)f.Value),
                FloatOperand f when type == ScalarType.F64 => BitConverter.DoubleToUInt64Bits(f.Value),
                _ => throw Error($"an initial value that is not {type.Name()}"),
            };
            for (var i = 0; i < type.Bytes(); i++) bytes.Add((byte)(bits >> (8 * i)));
        }

        Element();
        return [.. bytes];
    }

    private long ParseCount() => ParseNumber() is IntegerOperand { IsNegative: false } integer
        ? (long)integer.Bits
        : throw Error("expected a count");

    private PtxOperand ParseNumber()
    {
        var isNegative = TryTake('-');
        if (Current.Kind != TokenKind.Number) throw Error($"expected a number, found {Current}");
        var text = Take().Text;
        if (text.Length > 2 && text[0] == '0' && text[1] is 'f' or 'F')
        {
            if (text.Length != 10 || !uint.TryParse(text.AsSpan(2), NumberStyles.HexNumber, null, out var bits)) throw Error($"{text} is not 0f and 8 digits");
            if (isNegative) bits ^= 0x80000000;
            return new FloatOperand(BitConverter.UInt32BitsToSingle(bits), FloatForm.Single);
        }

        if (text.Length > 2 && text[0] == '0' && text[1] is 'd' or 'D')
        {
            if (text.Length != 18 || !ulong.TryParse(text.AsSpan(2), NumberStyles.HexNumber, null, out var bits)) throw Error($"{text} is not 0d and 16 digits");
            if (isNegative) bits ^= 1UL << 63;
            return new FloatOperand(BitConverter.UInt64BitsToDouble(bits), FloatForm.Double);
        }

        var isHexadecimal = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        if (!isHexadecimal && text.AsSpan().IndexOfAny('.', 'e', 'E') >= 0)
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)) throw Error($"{text} is not a number");
            return new FloatOperand(isNegative ? -value : value, FloatForm.Decimal);
        }

        var digits = text.AsSpan().TrimEnd("uU");
        ulong integer;
        var ok = isHexadecimal
            ? ulong.TryParse(digits[2..], NumberStyles.HexNumber, null, out integer)
            : ulong.TryParse(digits, NumberStyles.None, null, out integer);
        if (!ok) throw Error($"{text} is not a number");
        return new IntegerOperand(isNegative ? unchecked(0UL - integer) : integer, isNegative && integer != 0);
    }
}
