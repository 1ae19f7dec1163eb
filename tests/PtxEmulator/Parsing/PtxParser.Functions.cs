using PtxEmulator.Isa;

namespace PtxEmulator.Parsing;

/// <summary>Functions, their declarations and their instructions.</summary>
internal sealed partial class PtxParser
{
    private readonly List<Dictionary<string, object>> _scopes = [];
    private PtxFunction _function = null!;

    private void ParseFunction(bool isEntry, bool isExtern)
    {
        var line = Current.Line;
        _scopes.Clear();
        _scopes.Add([]);
        _function = new PtxFunction("", isEntry, line);
        List<object> results = [];
        if (!isEntry && Current.Is('(')) results = ParseParameters();
        var name = ExpectNewName();
        var function = new PtxFunction(name, isEntry, line);
        function.Registers.AddRange(_function.Registers);
        _function = function;
        function.Results.AddRange(results);
        if (Current.Is('(')) function.Parameters.AddRange(ParseParameters());
        while (Current.Kind == TokenKind.Directive) ParseTuning();
        if (TryTake(';'))
        {
            // A declaration ahead of its definition; an external function is missed where it is called.
            if (!isExtern) return;
            return;
        }

        if (_module.Functions.ContainsKey(name)) throw new PtxSyntaxException(line, $"{name} is defined twice");
        Expect('{');
        ParseBody();
        _module.Functions[name] = function;
    }

    private void ParseTuning()
    {
        var name = Take().Text;
        switch (name)
        {
            case "maxntid":
            case "reqntid":
                var threads = new List<int> { (int)ParseCount() };
                while (TryTake(',')) threads.Add((int)ParseCount());
                _function.MaxThreads = threads.Aggregate(1, (a, b) => a * b);
                if (name == "reqntid") _function.RequiredThreads = [.. threads];
                break;
            case "minnctapersm":
            case "maxnreg":
                ParseCount();
                break;
            case "noreturn":
                break;
            case "pragma":
                _at++;
                TryTake(';');
                break;
            default:
                throw Error($"directive .{name} is not emulated here");
        }
    }

    private List<object> ParseParameters()
    {
        var result = new List<object>();
        Expect('(');
        if (TryTake(')')) return result;
        do
        {
            if (TryDirective("reg"))
            {
                if (_function.IsEntry) throw Error("parameters of an .entry are in .param space");
                var type = ParseVariableType().Type;
                result.Add(DeclareRegister(ExpectNewName(), type));
                continue;
            }

            if (!TryDirective("param")) throw Error($"expected .param or .reg, found {Current}");
            var (scalar, alignment, vector) = ParseVariableType();
            var line = Current.Line;
            var name = ExpectNewName();
            var elements = 1L;
            if (TryTake('['))
            {
                elements = ParseCount();
                Expect(']');
            }

            var variable = new PtxVariable(
                name, StateSpace.Param, scalar, elements * vector * scalar.Bytes(), Math.Max(alignment, scalar.Bytes() * vector), null, line);
            Declare(name, variable);
            result.Add(variable);
        }
        while (TryTake(','));
        Expect(')');
        return result;
    }

    private void Declare(string name, object declared)
    {
        if (!_scopes[^1].TryAdd(name, declared)) throw Error($"{name} is declared twice");
    }

    private PtxRegister DeclareRegister(string name, ScalarType type)
    {
        if (type.Bits() == 8) throw Error($"registers of type {type.Name()} do not exist");
        if (SpecialRegisters.IsPredefined(name)) throw Error($"{name} is predefined");
        var register = new PtxRegister(name, type, _function.Registers.Count, Current.Line);
        Declare(name, register);
        _function.Registers.Add(register);
        return register;
    }

    private object? Find(string name)
    {
        for (var i = _scopes.Count - 1; i >= 0; i--)
        {
            if (_scopes[i].TryGetValue(name, out var found)) return found;
        }

        return _module.Variables.GetValueOrDefault(name);
    }

    private void ParseBody()
    {
        var depth = _scopes.Count;
        _scopes.Add([]);
        while (true)
        {
            if (Current.Kind == TokenKind.End) throw new PtxSyntaxException(_function.Line, $"{_function.Name} has no end");
            if (TryTake(';')) continue;
            if (TryTake('{'))
            {
                _scopes.Add([]);
                continue;
            }

            if (TryTake('}'))
            {
                _scopes.RemoveAt(_scopes.Count - 1);
                if (_scopes.Count == depth) break;
                continue;
            }

            ParseStatement();
        }
    }

    private void ParseStatement()
    {
        if (Current.Kind == TokenKind.Directive)
        {
            ParseDeclaration();
            return;
        }

        if (Current.Kind == TokenKind.Identifier && _tokens[_at + 1].Is(':'))
        {
            var label = ExpectNewName();
            _at++;
            if (!_function.Labels.TryAdd(label, _function.Instructions.Count)) throw Error($"label {label} stands twice in {_function.Name}");
            return;
        }

        ParseInstruction();
    }

    private void ParseDeclaration()
    {
        switch (Current.Text)
        {
            case "reg":
                _at++;
                var type = ParseVariableType().Type;
                do
                {
                    var name = ExpectNewName();
                    if (!TryTake('<'))
                    {
                        DeclareRegister(name, type);
                        continue;
                    }

                    var count = ParseCount();
                    Expect('>');
                    for (var i = 0; i < count; i++) DeclareRegister(name + i, type);
                }
                while (TryTake(','));
                Expect(';');
                break;
            case "shared":
            case "local":
            case "param":
            case "const":
            case "global":
                foreach (var variable in ParseVariables(false))
                {
                    Declare(variable.Name, variable);
                    _function.Variables.Add(variable);
                }

                break;
            case "extern":
                throw Error(".extern stands outside functions");
            case "loc":
            case "file":
                SkipDebug();
                break;
            case "pragma":
                _at += 2;
                TryTake(';');
                break;
            default:
                throw Error($"directive .{Current.Text} is not emulated in a function");
        }
    }

    private void ParseInstruction()
    {
        var line = Current.Line;
        PtxRegister? guard = null;
        var isNegated = false;
        if (TryTake('@'))
        {
            isNegated = TryTake('!');
            var name = ExpectName();
            guard = Find(name) as PtxRegister ?? throw new PtxSyntaxException(line, $"predicate {name} is not declared");
            if (guard.Type != ScalarType.Pred) throw new PtxSyntaxException(line, $"{name} is {guard.Type.Name()}, a guard must be .pred");
        }

        var opcode = ExpectName();
        var modifiers = new List<string>();
        while (Current.Kind == TokenKind.Directive) modifiers.Add(Take().Text);
        var operands = new List<PtxOperand>();
        if (!Current.Is(';'))
        {
            do operands.Add(ParseOperand(opcode));
            while (TryTake(','));
        }

        if (!TryTake(';')) throw Error($"expected ';' after {opcode}, found {Current}");
        _function.Instructions.Add(new PtxInstruction(line, guard, isNegated, opcode, [.. modifiers], [.. operands]));
    }

    private PtxOperand ParseOperand(string opcode)
    {
        if (TryTake('[')) return ParseAddress();
        if (TryTake('{'))
        {
            var elements = new List<PtxOperand?>();
            do elements.Add(ParseOperand(opcode) is var element and not SinkOperand ? element : null);
            while (TryTake(','));
            Expect('}');
            return new VectorOperand(elements);
        }

        if (TryTake('('))
        {
            var elements = new List<PtxOperand>();
            if (TryTake(')')) return new ListOperand(elements);
            do elements.Add(ParseOperand(opcode == "call" ? "" : opcode));
            while (TryTake(','));
            Expect(')');
            return new ListOperand(elements);
        }

        if (Current.Kind == TokenKind.Number || Current.Is('-')) return ParseNumber();
        var isNegated = TryTake('!');
        var line = Current.Line;
        var name = ExpectName();
        if (name == "WARP_SZ") return new IntegerOperand(32, false);
        if (opcode is "bra" or "call") return new NameOperand(name);
        PtxOperand operand;
        if (name == "_")
        {
            operand = new SinkOperand();
        }
        else
        {
            switch (Find(name))
            {
                case PtxRegister register:
                    operand = new RegisterOperand(register, isNegated);
                    if (isNegated && register.Type != ScalarType.Pred) throw new PtxSyntaxException(line, $"! before {name}, which is {register.Type.Name()}");
                    break;
                case PtxVariable variable:
                    var offset = TryTake('+') ? (long)((IntegerOperand)ParseNumber()).Bits : 0;
                    operand = new VariableOperand(variable, offset);
                    break;
                default:
                    if (!name.StartsWith('%')) throw new PtxSyntaxException(line, $"{name} is not declared");
                    if (Current.Kind == TokenKind.Directive && Current.Text is "x" or "y" or "z") name += "." + Take().Text;
                    if (!SpecialRegisters.Exists(name)) throw new PtxSyntaxException(line, $"register {name} is not declared");
                    operand = new SpecialOperand(name);
                    break;
            }
        }

        if (!TryTake('|')) return operand;
        var second = ParseOperand(opcode);
        return new PairOperand(operand is SinkOperand ? null : operand, second is SinkOperand ? null : second);
    }

    private AddressOperand ParseAddress()
    {
        PtxRegister? register = null;
        PtxVariable? variable = null;
        long offset = 0;
        if (Current.Kind == TokenKind.Identifier)
        {
            var name = Take().Text;
            switch (Find(name))
            {
                case PtxRegister r:
                    register = r;
                    break;
                case PtxVariable v:
                    variable = v;
                    break;
                default:
                    throw Error($"{name} is not declared");
            }

            if (TryTake('+') || Current.Is('-')) offset = Offset();
        }
        else
        {
            offset = Offset();
        }

        Expect(']');
        return new AddressOperand(register, variable, offset);

        long Offset() => ParseNumber() is IntegerOperand integer ? (long)integer.Bits : throw Error("an offset is an integer");
    }
}
