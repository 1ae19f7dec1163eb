using PtxEmulator.Isa;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>A register of one call of a function.</summary>
internal sealed class FlatRegister(PtxRegister register, int number, int offset)
{
    public PtxRegister Register => register;
    public int Number => number;
    public int Offset => offset;

    /// <summary>Index of its written lanes, if the program text alone does not show that they are written before they are read; else -1.</summary>
    public int Watched { get; set; } = -1;
}

/// <summary>One call of a function: its registers and its variables in .param and .local space.</summary>
internal sealed class Frame(PtxFunction function, FlatRegister[] registers, Dictionary<PtxVariable, int> locals)
{
    public PtxFunction Function => function;
    public FlatRegister[] Registers => registers;
    public Dictionary<PtxVariable, int> Locals => locals;
}

internal enum FlatKind { Plain, Branch, Exit, Enter, Copy, CopyBytes }

/// <summary>An instruction of the flattened kernel.</summary>
internal sealed class FlatInstruction
{
    public required FlatKind Kind { get; init; }
    public required int Line { get; init; }
    public required Frame Frame { get; init; }
    public PtxInstruction? Source { get; init; }
    public FlatRegister? Guard { get; init; }
    public bool IsGuardNegated { get; init; }
    public bool IsUniform { get; init; }

    /// <summary>Of a branch: the flat index it goes to.</summary>
    public int Target { get; set; } = -1;

    /// <summary>Of a copy: from an operand in one frame to a register of another, or between variables.</summary>
    public FlatRegister? CopyTarget { get; init; }
    public PtxOperand? CopySource { get; init; }
    public Frame? CopyFrame { get; init; }
    public int BytesTarget { get; init; }
    public int BytesSource { get; init; }
    public int Bytes { get; init; }
    public List<FlatRegister> Reads { get; } = [];
    public List<FlatRegister> Writes { get; } = [];
}

/// <summary>Puts the bodies of called functions in the place of their calls, so that a kernel is one graph of branches. Calls beside
/// each other share the registers' memory.</summary>
internal sealed class Flattening
{
    private const int DeepestCall = 32;
    private static readonly HashSet<string> NoResult = ["st", "red", "bra", "bar", "barrier", "membar", "fence", "cp", "ret", "exit", "prefetch", "prefetchu", "trap", "nanosleep"];
    private readonly PtxModule _module;
    private int _registers;

    /// <summary>True if an instruction writes its first operand.</summary>
    public static bool HasResult(PtxInstruction instruction) => !NoResult.Contains(instruction.Opcode);

    public List<FlatInstruction> Instructions { get; } = [];
    public int RegisterBytes { get; private set; }
    public int RegisterCount => _registers;
    public int LocalBytes { get; private set; }

    public Flattening(PtxModule module, PtxFunction entry)
    {
        _module = module;
        var frame = MakeFrame(entry, 0, 0, out var nextRegister, out var nextLocal);
        Append(frame, nextRegister, nextLocal, 0);
        Instructions.Add(new FlatInstruction { Kind = FlatKind.Exit, Line = entry.Line, Frame = frame });
    }

    private Frame MakeFrame(PtxFunction function, int registerBase, int localBase, out int nextRegister, out int nextLocal)
    {
        var at = registerBase;
        var registers = new FlatRegister[function.Registers.Count];
        // Predicates first, 4 bytes each, then whole cache lines.
        foreach (var r in function.Registers.Where(r => r.Type == ScalarType.Pred))
        {
            registers[r.Index] = new FlatRegister(r, _registers++, at);
            at += 4;
        }

        at = (at + 63) & ~63;
        foreach (var r in function.Registers.Where(r => r.Type != ScalarType.Pred))
        {
            registers[r.Index] = new FlatRegister(r, _registers++, at);
            at += r.Type.Bits() == 64 ? 256 : 128;
        }

        nextRegister = at;
        RegisterBytes = Math.Max(RegisterBytes, at);
        var locals = new Dictionary<PtxVariable, int>();
        var local = localBase;
        IEnumerable<PtxVariable> variables = function.Variables.Where(v => v.Space is StateSpace.Local or StateSpace.Param);
        if (!function.IsEntry) variables = variables.Concat(function.Parameters.Concat(function.Results).OfType<PtxVariable>());
        foreach (var variable in variables)
        {
            var alignment = Math.Max(variable.Alignment, 16);
            local = (local + alignment - 1) / alignment * alignment;
            locals[variable] = local;
            local += (int)variable.Bytes;
        }

        nextLocal = local;
        LocalBytes = Math.Max(LocalBytes, (local + 15) & ~15);
        return new Frame(function, registers, locals);
    }

    private void Append(Frame frame, int nextRegister, int nextLocal, int depth)
    {
        var function = frame.Function;
        if (depth > DeepestCall) throw new PtxSyntaxException(function.Line, $"{function.Name} calls itself, or calls are nested more than {DeepestCall} deep");
        var starts = new int[function.Instructions.Count + 1];
        var branches = new List<(FlatInstruction Branch, int Target)>();
        for (var i = 0; i < function.Instructions.Count; i++)
        {
            starts[i] = Instructions.Count;
            var source = function.Instructions[i];
            switch (source.Opcode)
            {
                case "bra":
                    if (source.Operands is not [NameOperand label]) throw new PtxSyntaxException(source.Line, "bra wants one label");
                    if (!function.Labels.TryGetValue(label.Name, out var target)) throw new PtxSyntaxException(source.Line, $"there is no label {label.Name} in {function.Name}");
                    branches.Add((Jump(source, frame, source.Guard, source.IsGuardNegated), target));
                    break;
                case "ret" when !function.IsEntry:
                    if (i + 1 < function.Instructions.Count || source.Guard is not null)
                    {
                        branches.Add((Jump(source, frame, source.Guard, source.IsGuardNegated), function.Instructions.Count));
                    }

                    break;
                case "ret":
                case "exit":
                    var exit = new FlatInstruction { Kind = FlatKind.Exit, Line = source.Line, Frame = frame, Source = source, Guard = Of(frame, source.Guard), IsGuardNegated = source.IsGuardNegated };
                    Guarded(exit);
                    break;
                case "call":
                    FlatInstruction? around = source.Guard is null ? null : Jump(source, frame, source.Guard, !source.IsGuardNegated);
                    Call(source, frame, nextRegister, nextLocal, depth);
                    if (around is not null) around.Target = Instructions.Count;
                    break;
                default:
                    Plain(source, frame);
                    break;
            }
        }

        starts[^1] = Instructions.Count;
        foreach (var (branch, target) in branches) branch.Target = starts[target];
    }

    private static FlatRegister? Of(Frame frame, PtxRegister? register) => register is null ? null : frame.Registers[register.Index];

    private FlatInstruction Jump(PtxInstruction source, Frame frame, PtxRegister? guard, bool isNegated)
    {
        var jump = new FlatInstruction
        {
            Kind = FlatKind.Branch, Line = source.Line, Frame = frame, Source = source, Guard = Of(frame, guard), IsGuardNegated = isNegated,
            IsUniform = source.Has("uni"),
        };
        Guarded(jump);
        return jump;
    }

    private void Guarded(FlatInstruction instruction)
    {
        if (instruction.Guard is not null) instruction.Reads.Add(instruction.Guard);
        Instructions.Add(instruction);
    }

    private void Plain(PtxInstruction source, Frame frame)
    {
        var flat = new FlatInstruction
        {
            Kind = FlatKind.Plain, Line = source.Line, Frame = frame, Source = source, Guard = Of(frame, source.Guard), IsGuardNegated = source.IsGuardNegated,
        };
        var hasResult = HasResult(source);
        for (var i = 0; i < source.Operands.Length; i++) Collect(source.Operands[i], frame, hasResult && i == 0 ? flat.Writes : flat.Reads, flat.Reads);
        Guarded(flat);
    }

    private static void Collect(PtxOperand? operand, Frame frame, List<FlatRegister> into, List<FlatRegister> reads)
    {
        switch (operand)
        {
            case RegisterOperand r:
                into.Add(frame.Registers[r.Register.Index]);
                break;
            case AddressOperand { Register: { } register }:
                reads.Add(frame.Registers[register.Index]);
                break;
            case VectorOperand v:
                foreach (var element in v.Elements) Collect(element, frame, into, reads);
                break;
            case PairOperand p:
                Collect(p.First, frame, into, reads);
                Collect(p.Second, frame, into, reads);
                break;
        }
    }

    private void Call(PtxInstruction source, Frame frame, int nextRegister, int nextLocal, int depth)
    {
        var operands = source.Operands;
        var at = Array.FindIndex(operands, o => o is NameOperand);
        if (at < 0 || at > 1) throw new PtxSyntaxException(source.Line, "call wants (results), function, (arguments)");
        var name = ((NameOperand)operands[at]).Name;
        if (!_module.Functions.TryGetValue(name, out var callee) || callee.IsEntry) throw new PtxSyntaxException(source.Line, $"there is no .func {name}");
        var results = at == 1 ? ((ListOperand)operands[0]).Elements : [];
        var arguments = operands.Length > at + 1 ? ((ListOperand)operands[at + 1]).Elements : [];
        if (results.Count != callee.Results.Count || arguments.Count != callee.Parameters.Count)
        {
            throw new PtxSyntaxException(
                source.Line, $"{name} takes {callee.Parameters.Count} arguments and gives {callee.Results.Count} results, not {arguments.Count} and {results.Count}");
        }

        var inner = MakeFrame(callee, nextRegister, nextLocal, out var deeperRegister, out var deeperLocal);
        Instructions.Add(new FlatInstruction { Kind = FlatKind.Enter, Line = source.Line, Frame = inner });
        for (var i = 0; i < arguments.Count; i++) Transfer(source, arguments[i], frame, callee.Parameters[i], inner);
        Append(inner, deeperRegister, deeperLocal, depth + 1);
        for (var i = 0; i < results.Count; i++)
        {
            var value = callee.Results[i] is PtxRegister r ? (PtxOperand)new RegisterOperand(r, false) : new VariableOperand((PtxVariable)callee.Results[i], 0);
            object target = results[i] switch
            {
                RegisterOperand register => register.Register,
                VariableOperand variable => variable.Variable,
                _ => throw new PtxSyntaxException(source.Line, "a result goes to a register"),
            };
            Transfer(source, value, inner, target, frame);
        }
    }

    private void Transfer(PtxInstruction source, PtxOperand value, Frame from, object target, Frame to)
    {
        if (target is PtxVariable variable)
        {
            if (value is not VariableOperand { Variable.Space: StateSpace.Param } other || other.Variable.Bytes != variable.Bytes)
            {
                throw new PtxSyntaxException(source.Line, $"{variable.Name} wants a .param variable of {variable.Bytes} bytes");
            }

            Instructions.Add(new FlatInstruction
            {
                Kind = FlatKind.CopyBytes, Line = source.Line, Frame = to, BytesTarget = to.Locals[variable], BytesSource = from.Locals[other.Variable],
                Bytes = (int)variable.Bytes,
            });
            return;
        }

        var register = (PtxRegister)target;
        if (value is RegisterOperand r && !(r.Register.Type == register.Type || OperandTypes.Agree(r.Register.Type, register.Type)))
        {
            throw new PtxSyntaxException(source.Line, $"{r.Register.Name} is {r.Register.Type.Name()}, {register.Name} of {source.Operands.OfType<NameOperand>().First().Name} is {register.Type.Name()}");
        }

        var copy = new FlatInstruction
        {
            Kind = FlatKind.Copy, Line = source.Line, Frame = to, CopyTarget = to.Registers[register.Index], CopySource = value, CopyFrame = from,
        };
        Collect(value, from, copy.Reads, copy.Reads);
        copy.Writes.Add(copy.CopyTarget);
        Instructions.Add(copy);
    }
}
