namespace PtxEmulator.Execution;

internal enum StepKind : byte { Plain, Branch, Join, Exit, Barrier }

/// <summary>One decoded instruction, executed for all lanes of a warp at once.</summary>
internal abstract class Step
{
    /// <summary>Line of the PTX text.</summary>
    public int Line;

    public StepKind Kind;

    /// <summary>Offset of the guard predicate, -1 if there is none.</summary>
    public int Guard = -1;

    /// <summary>All ones if the guard is negated.</summary>
    public uint GuardFlip;

    /// <summary>Where a branch goes.</summary>
    public int Target;

    /// <summary>Where the two ways of a branch meet again; -1 if only at the end.</summary>
    public int Meeting = -1;

    /// <summary>A branch that all active lanes must take or none (.uni).</summary>
    public bool IsUniform;

    /// <summary>Executes for the lanes of a mask, which is not empty.</summary>
    public abstract void Execute(Warp warp, uint mask);
}

/// <summary>A step of the control flow, which the warp itself carries out.</summary>
internal sealed class ControlStep : Step
{
    public ControlStep(StepKind kind) => Kind = kind;

    /// <summary>Of a barrier: its number, and how many threads it waits for (0: all).</summary>
    public int Barrier;
    public int BarrierThreads;

    public override void Execute(Warp warp, uint mask) => throw new InvalidOperationException();
}
