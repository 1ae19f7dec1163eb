using PtxEmulator.Isa;

namespace PtxEmulator.Parsing;

internal enum StateSpace { Generic, Register, Param, Global, Shared, Local, Const }

/// <summary>A declared register of a function.</summary>
internal sealed record PtxRegister(string Name, ScalarType Type, int Index, int Line)
{
    public bool Equals(PtxRegister? other) => ReferenceEquals(this, other);

    public override int GetHashCode() => Index;
}

/// <summary>A declared variable: an array or scalar in a state space, with its first bytes if any were given.</summary>
internal sealed class PtxVariable(string name, StateSpace space, ScalarType type, long bytes, int alignment, byte[]? initial, int line)
{
    public string Name => name;
    public StateSpace Space => space;
    public ScalarType Type => type;
    public long Bytes => bytes;
    public int Alignment => alignment;
    public byte[]? Initial => initial;
    public int Line => line;

    /// <summary>.extern .shared without a length: as long as the launch says.</summary>
    public bool IsDynamic { get; init; }
}

internal abstract record PtxOperand;

/// <summary>A register; a predicate may be negated.</summary>
internal sealed record RegisterOperand(PtxRegister Register, bool IsNegated) : PtxOperand;

/// <summary>%tid.x and its like.</summary>
internal sealed record SpecialOperand(string Name) : PtxOperand;

internal sealed record IntegerOperand(ulong Bits, bool IsNegative) : PtxOperand;

internal enum FloatForm { Decimal, Single, Double }

internal sealed record FloatOperand(double Value, FloatForm Form) : PtxOperand;

/// <summary>[register + offset], [variable + offset] or [offset].</summary>
internal sealed record AddressOperand(PtxRegister? Register, PtxVariable? Variable, long Offset) : PtxOperand;

/// <summary>The address of a variable as a value.</summary>
internal sealed record VariableOperand(PtxVariable Variable, long Offset) : PtxOperand;

/// <summary>{a, b, …}; a null element is the sink _.</summary>
internal sealed record VectorOperand(IReadOnlyList<PtxOperand?> Elements) : PtxOperand;

/// <summary>a|b: a result with its second result. Either may be the sink.</summary>
internal sealed record PairOperand(PtxOperand? First, PtxOperand? Second) : PtxOperand;

/// <summary>(a, b, …) of a call.</summary>
internal sealed record ListOperand(IReadOnlyList<PtxOperand> Elements) : PtxOperand;

/// <summary>A label or a function.</summary>
internal sealed record NameOperand(string Name) : PtxOperand;

/// <summary>The sink _.</summary>
internal sealed record SinkOperand : PtxOperand;

/// <summary>One instruction as written.</summary>
internal sealed class PtxInstruction(int line, PtxRegister? guard, bool isGuardNegated, string opcode, string[] modifiers, PtxOperand[] operands)
{
    public int Line => line;
    public PtxRegister? Guard => guard;
    public bool IsGuardNegated => isGuardNegated;
    public string Opcode => opcode;
    public string[] Modifiers => modifiers;
    public PtxOperand[] Operands => operands;

    /// <summary>The last modifier that names a type.</summary>
    public ScalarType Type { get; } = modifiers.Select(ScalarTypes.Parse).LastOrDefault(t => t != ScalarType.None);

    public bool Has(string modifier) => Array.IndexOf(modifiers, modifier) >= 0;

    public string FullName => modifiers.Length == 0 ? opcode : opcode + "." + string.Join('.', modifiers);

    public override string ToString() => FullName;
}

/// <summary>An .entry or .func.</summary>
internal sealed class PtxFunction(string name, bool isEntry, int line)
{
    public string Name => name;
    public bool IsEntry => isEntry;
    public int Line => line;

    /// <summary>Registers (of a .func written with .reg parameters) or variables in .param space.</summary>
    public List<object> Parameters { get; } = [];
    public List<object> Results { get; } = [];
    public List<PtxRegister> Registers { get; } = [];
    public List<PtxVariable> Variables { get; } = [];
    public List<PtxInstruction> Instructions { get; } = [];

    /// <summary>Label → index of the instruction behind it.</summary>
    public Dictionary<string, int> Labels { get; } = [];

    /// <summary>The product of .maxntid or .reqntid; 0 if not given.</summary>
    public int MaxThreads { get; set; }
    public int[]? RequiredThreads { get; set; }
}

/// <summary>A parsed module.</summary>
internal sealed class PtxModule
{
    /// <summary>10 × major + minor.</summary>
    public int Version { get; set; }

    /// <summary>70 for sm_70.</summary>
    public int Target { get; set; }
    public Dictionary<string, PtxFunction> Functions { get; } = [];
    public Dictionary<string, PtxVariable> Variables { get; } = [];
}
