using PtxEmulator.Isa;
using PtxEmulator.Memory;
using PtxEmulator.Parsing;

namespace PtxEmulator.Execution;

/// <summary>Turns a kernel into the steps a warp executes.</summary>
internal sealed partial class Lowering
{
    /// <summary>Between two shared variables, so that running over the end of one is seen.</summary>
    private const int SharedGap = 128;

    private readonly PtxFunction _entry;
    private readonly ConstantPool _constants = new();
    private readonly Dictionary<PtxVariable, ulong> _addresses = [];
    private readonly Dictionary<string, int> _specials = [];
    private readonly List<Step> _steps = [];
    private readonly Flattening _flat;
    private int _registerBytes;

    private FlatInstruction _at = null!;
    private PtxInstruction _source = null!;

    private Lowering(PtxModule module, PtxFunction entry, IReadOnlyDictionary<PtxVariable, ulong> moduleAddresses)
    {
        _entry = entry;
        foreach (var (variable, address) in moduleAddresses) _addresses[variable] = address;
        _flat = new Flattening(module, entry);
        _registerBytes = _flat.RegisterBytes;
    }

    /// <summary>Compiles one kernel. <paramref name="moduleAddresses"/>: where the module's .const and .global variables lie.</summary>
    public static KernelProgram Compile(
        PtxModule module, PtxFunction entry, IReadOnlyDictionary<PtxVariable, ulong> moduleAddresses, Region? constMemory) =>
        new Lowering(module, entry, moduleAddresses).Compile(module, constMemory);

    private KernelProgram Compile(PtxModule module, Region? constMemory)
    {
        var (sharedStates, declaredShared) = PlaceShared(module);
        var parameterBytes = 0;
        foreach (PtxVariable parameter in _entry.Parameters)
        {
            parameterBytes = (parameterBytes + parameter.Alignment - 1) / parameter.Alignment * parameter.Alignment;
            _addresses[parameter] = (ulong)parameterBytes;
            parameterBytes += (int)parameter.Bytes;
        }

        var code = _flat.Instructions;
        var flow = new ControlFlow(code, _flat.RegisterCount);
        var unreached = code.Take(code.Count - 1).Zip(flow.IsReached).FirstOrDefault(p => !p.Second && p.First.Kind == FlatKind.Plain);
        if (unreached.First is not null) throw new PtxSyntaxException(unreached.First.Line, $"{unreached.First.Source} is never reached");

        var meetings = flow.Meetings.Values.ToHashSet();
        var starts = new int[code.Count];
        var branches = new List<(Step Branch, int Target, int Meeting)>();
        for (var i = 0; i < code.Count; i++)
        {
            starts[i] = _steps.Count;
            if (meetings.Contains(i)) _steps.Add(new ControlStep(StepKind.Join) { Line = code[i].Line });
            _at = code[i];
            Lower(i, flow, branches);
        }

        foreach (var (branch, target, meeting) in branches)
        {
            branch.Target = starts[target];
            branch.Meeting = meeting < 0 ? -1 : starts[meeting];
        }

        return new KernelProgram
        {
            Name = _entry.Name,
            Code = [.. _steps],
            RegisterBytes = _registerBytes,
            WatchedRegisters = flow.Watched.Count,
            Specials = [.. _specials.Select(s => (s.Key, s.Value))],
            SharedBytes = (uint)sharedStates.Length,
            SharedStates = sharedStates,
            DeclaredSharedBytes = declaredShared,
            LocalBytes = _flat.LocalBytes,
            ParameterBytes = parameterBytes,
            MaxThreads = _entry.MaxThreads,
            RequiredThreads = _entry.RequiredThreads,
            Constants = _constants,
            ConstMemory = constMemory,
        };
    }

    private (byte[] States, uint Declared) PlaceShared(PtxModule module)
    {
        var at = 0L;
        var declared = 0L;
        var states = new List<byte>();
        var used = _flat.Instructions.Select(i => i.Frame.Function).Distinct().SelectMany(f => f.Variables);
        var variables = used.Concat(module.Variables.Values).Where(v => v.Space == StateSpace.Shared).ToArray();
        var isNamed = _flat.Instructions.SelectMany(i => i.Source?.Operands ?? []).SelectMany(Named).ToHashSet();
        foreach (var variable in variables.Where(v => !v.IsDynamic && isNamed.Contains(v)))
        {
            if (at > 0) at += SharedGap;
            at = (at + SharedGap - 1) / SharedGap * SharedGap;
            declared = (declared + variable.Alignment - 1) / variable.Alignment * variable.Alignment + variable.Bytes;
            while (states.Count < at) states.Add(ByteState.Gap);
            _addresses[variable] = (ulong)at;
            at += variable.Bytes;
            while (states.Count < at) states.Add(ByteState.Fresh);
        }

        var dynamic = variables.Where(v => v.IsDynamic).ToArray();
        if (dynamic.Length > 0)
        {
            if (at > 0) at = (at + 2 * SharedGap - 1) / SharedGap * SharedGap;
            while (states.Count < at) states.Add(ByteState.Gap);
            foreach (var variable in dynamic) _addresses[variable] = (ulong)at;
        }

        return ([.. states], (uint)declared);

        static IEnumerable<PtxVariable> Named(PtxOperand operand) => operand switch
        {
            VariableOperand v => [v.Variable],
            AddressOperand { Variable: { } v } => [v],
            _ => [],
        };
    }

    private void Lower(int index, ControlFlow flow, List<(Step, int, int)> branches)
    {
        foreach (var register in _at.Reads)
        {
            if (register.Watched >= 0) Add(new RequireRegister(register.Watched, register.Register.Name), guarded: register != _at.Guard);
        }

        switch (_at.Kind)
        {
            case FlatKind.Branch:
                var branch = new ControlStep(StepKind.Branch) { IsUniform = _at.IsUniform };
                Add(branch);
                branches.Add((branch, _at.Target, flow.Meetings.GetValueOrDefault(index, -1)));
                break;
            case FlatKind.Exit:
                Add(new ControlStep(StepKind.Exit));
                break;
            case FlatKind.Enter:
                foreach (var register in _at.Frame.Registers)
                {
                    if (register.Watched >= 0) Add(new NoteRegister(register.Watched, false));
                }

                break;
            case FlatKind.Copy:
                Copy();
                break;
            case FlatKind.CopyBytes:
                Add(new CopyLocal(_at.BytesSource, _at.BytesTarget, _at.Bytes));
                break;
            default:
                _source = _at.Source!;
                LowerPlain();
                break;
        }

        foreach (var register in _at.Writes)
        {
            if (register.Watched >= 0) Add(new NoteRegister(register.Watched, true));
        }
    }

    private void Add(Step step, bool guarded = true)
    {
        step.Line = _at.Line;
        if (guarded && _at.Guard is not null)
        {
            step.Guard = _at.Guard.Offset;
            step.GuardFlip = _at.IsGuardNegated ? uint.MaxValue : 0;
        }

        _steps.Add(step);
    }

    private void Copy()
    {
        var target = _at.CopyTarget!;
        var type = target.Register.Type;
        if (type == ScalarType.Pred)
        {
            var source = (RegisterOperand)_at.CopySource!;
            Add(new PredicateLogic(
                new PredicateSlot(target.Offset, 0), new PredicateSlot(_at.CopyFrame!.Registers[source.Register.Index].Offset, source.IsNegated ? uint.MaxValue : 0),
                null, 0, 0, "mov"));
            return;
        }

        var from = Value(_at.CopySource!, type, _at.CopyFrame!);
        Add(type.Bits() == 64 ? new Map1<ulong, Same<ulong>>(Slot.Register(target.Offset), from) : new Map1<uint, Same<uint>>(Slot.Register(target.Offset), from));
    }

    private PtxSyntaxException Error(string message) => new(_at.Line, message);

    private PtxSyntaxException NotEmulated() => Error($"{_source.FullName} is not emulated");

    private void Operands(int count)
    {
        if (_source.Operands.Length != count) throw Error($"{_source.FullName} wants {count} operands, not {_source.Operands.Length}");
    }

    private void Operands(int least, int most)
    {
        if (_source.Operands.Length < least || _source.Operands.Length > most) throw Error($"{_source.FullName} wants {least} to {most} operands, not {_source.Operands.Length}");
    }

    private FlatRegister Register(PtxRegister register) => _at.Frame.Registers[register.Index];

    /// <summary>Operand <paramref name="index"/> as a value of a type.</summary>
    private Slot In(int index, ScalarType type, bool isRelaxed = false) => Value(_source.Operands[index], type, _at.Frame, isRelaxed);

    private Slot Value(PtxOperand operand, ScalarType type, Frame frame, bool isRelaxed = false)
    {
        var isWide = type.Bits() == 64;
        switch (operand)
        {
            case RegisterOperand r:
                Require(r.Register, type, isRelaxed);
                return Slot.Register(frame.Registers[r.Register.Index].Offset);
            case IntegerOperand integer:
                if (type.IsFloat() && type is not (ScalarType.F16x2 or ScalarType.BF16x2)) throw Error($"an integer where {type.Name()} is wanted: write it with a point or in hexadecimal");
                var bits = type.Bits();
                var top = bits == 64 ? 0 : integer.IsNegative ? (long)integer.Bits >> (bits - 1) : (long)(integer.Bits >> bits);
                if (top != (integer.IsNegative && bits < 64 ? -1 : 0)) throw Error($"{(integer.IsNegative ? ((long)integer.Bits).ToString() : integer.Bits.ToString())} does not fit {type.Name()}");
                return _constants.Get(bits == 64 ? integer.Bits : integer.Bits & ((1UL << bits) - 1), isWide);
            case FloatOperand f:
                if (f.Form == FloatForm.Single && type is not (ScalarType.F32 or ScalarType.B32) || f.Form == FloatForm.Double && type is not (ScalarType.F64 or ScalarType.B64))
                {
                    throw Error($"a constant of {(f.Form == FloatForm.Single ? "32" : "64")} bits where {type.Name()} is wanted");
                }

                return type switch
                {
                    ScalarType.F32 or ScalarType.B32 => _constants.Get(BitConverter.SingleToUInt32Bits((float)f.Value), false),
                    ScalarType.F64 or ScalarType.B64 => _constants.Get(BitConverter.DoubleToUInt64Bits(f.Value), true),
                    _ => throw Error($"a float where {type.Name()} is wanted"),
                };
            case VariableOperand variable:
                if (type.IsFloat() || type.Bits() < 32) throw Error($"the address of {variable.Variable.Name} where {type.Name()} is wanted");
                return _constants.Get(AddressOf(variable.Variable, frame) + (ulong)variable.Offset, isWide);
            case SpecialOperand special:
                if (_source.Opcode is not ("mov" or "cvt")) throw Error($"{special.Name} can only be read by mov and cvt");
                var own = SpecialRegisters.Type(special.Name);
                if (!(isRelaxed ? OperandTypes.AgreeRelaxed(own, type) : OperandTypes.Agree(own, type))) throw Error($"{special.Name} is {own.Name()}, not {type.Name()}");
                return Slot.Register(Special(special.Name));
            default:
                throw Error($"{_source.FullName} does not take this operand");
        }
    }

    private int Special(string name)
    {
        if (_specials.TryGetValue(name, out var offset)) return offset;
        offset = _registerBytes;
        _registerBytes += SpecialRegisters.Type(name).Bits() == 64 ? 256 : 128;
        return _specials[name] = offset;
    }

    private ulong AddressOf(PtxVariable variable, Frame frame)
    {
        if (frame.Locals.TryGetValue(variable, out var local)) return (ulong)local;
        return _addresses.TryGetValue(variable, out var address) ? address : throw Error($"{variable.Name} cannot be reached from here");
    }

    private void Require(PtxRegister register, ScalarType type, bool isRelaxed)
    {
        var ok = isRelaxed ? OperandTypes.AgreeRelaxed(register.Type, type) : OperandTypes.Agree(register.Type, type);
        if (!ok) throw Error($"{register.Name} is {register.Type.Name()}, {_source.FullName} wants {type.Name()}");
    }

    /// <summary>The register of an operand that is written.</summary>
    private Slot Out(int index, ScalarType type, bool isRelaxed = false) => Out(_source.Operands[index], type, isRelaxed)
        ?? throw Error($"{_source.FullName} wants a register for its result");

    private Slot? Out(PtxOperand? operand, ScalarType type, bool isRelaxed = false)
    {
        switch (operand)
        {
            case null or SinkOperand:
                return null;
            case RegisterOperand r:
                Require(r.Register, type, isRelaxed);
                return Slot.Register(Register(r.Register).Offset);
            default:
                throw Error($"{_source.FullName} wants a register for its result");
        }
    }

    private PredicateSlot Predicate(PtxOperand? operand, bool isRead)
    {
        if (operand is not RegisterOperand { Register.Type: ScalarType.Pred } r || r.IsNegated && !isRead) throw Error($"{_source.FullName} wants a predicate");
        return new PredicateSlot(Register(r.Register).Offset, r.IsNegated ? uint.MaxValue : 0);
    }

    private PredicateSlot? PredicateOrSink(PtxOperand? operand) => operand is null or SinkOperand ? null : Predicate(operand, false);

    private static bool IsWide(PtxOperand? operand, ScalarType type) => operand is RegisterOperand r ? r.Register.Type.Bits() == 64 : type.Bits() == 64;
}

/// <summary>Hands a .param variable to or from a call.</summary>
internal sealed unsafe class CopyLocal(int source, int target, int bytes) : Step
{
    public override void Execute(Warp warp, uint mask)
    {
        var local = warp.Block.Local!;
        var size = warp.Block.Launch.Program.LocalBytes;
        while (mask != 0)
        {
            var at = (long)(warp.Index * 32 + Lanes.Next(ref mask)) * size;
            new ReadOnlySpan<byte>(local.Host + at + source, bytes).CopyTo(new Span<byte>(local.Host + at + target, bytes));
            new ReadOnlySpan<byte>(local.States + at + source, bytes).CopyTo(new Span<byte>(local.States + at + target, bytes));
        }
    }
}
