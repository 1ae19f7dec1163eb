using System.Numerics;
using Edifice.Engine.Backends;
using Edifice.Engine.Cpu.Simd;

namespace Edifice.Engine.Cpu.Kernels;

/// <summary>Extents and operands of the matrix-state recurrence, forward and backward.</summary>
internal unsafe struct MatrixStateProblem<T> where T : unmanaged, IFloatingPointIeee754<T>
{
    public T* Q, K, V, Decay, A, B, Initial, Kept;

    /// <summary>Results of the forward pass.</summary>
    public T* Output, Final;

    /// <summary>Cotangents, which the backward pass reads.</summary>
    public T* DOut, DFinal;

    /// <summary>Results of the backward pass; those of absent operands null.</summary>
    public T* DQ, DK, DV, DDecay, DA, DB, DInitial;

    /// <summary>One factor per head, for <see cref="StateDecayKind.PerHead"/>.</summary>
    public double* HeadFactors;

    public StateDecayKind Kind;
    public double Scale;
    public int Batch, Length, Heads, KeyWidth, ValueWidth;

    /// <summary>Steps between kept states.</summary>
    public int Spacing;

    public MatrixStateProblem(in MatrixStateSpec spec, Tensor q, Tensor v)
    {
        (Kind, Scale) = (spec.Decay, spec.Scale);
        (Batch, Length, Heads, KeyWidth, ValueWidth) = (q.Layout.Dims[0], q.Layout.Dims[1], q.Layout.Dims[2], q.Layout.Dims[3], v.Layout.Dims[3]);
        Spacing = CpuBackend.Instance.MatrixStateSpacing(spec.Chunk);
    }

    /// <summary>How many states are kept per batch row and head.</summary>
    public readonly int KeptCount => (Length + Spacing - 1) / Spacing;

    /// <summary>Elements between a head's key vectors of two steps.</summary>
    public readonly nint KeyStep => (nint)Heads * KeyWidth;

    /// <summary>Elements between a head's value vectors of two steps.</summary>
    public readonly nint ValueStep => (nint)Heads * ValueWidth;

    /// <summary>Where a vector of key channels lies.</summary>
    public readonly long Key(long batch, int t, long head) => ((batch * Length + t) * Heads + head) * KeyWidth;

    /// <summary>Where a vector of value channels lies.</summary>
    public readonly long Value(long batch, int t, long head) => ((batch * Length + t) * Heads + head) * ValueWidth;

    /// <summary>Where an initial or final state lies.</summary>
    public readonly long State(long batch, long head) => (batch * Heads + head) * KeyWidth * ValueWidth;

    /// <summary>Where a kept state lies.</summary>
    public readonly long KeptState(long batch, long head, int index) => ((batch * Heads + head) * KeptCount + index) * KeyWidth * ValueWidth;

    /// <summary>The factors by which the rows of the state fade at a step, as numbers.</summary>
    /// <param name="batch">Batch row.</param>
    /// <param name="t">Step.</param>
    /// <param name="head">Head.</param>
    /// <param name="factors">Receives them.</param>
    /// <param name="next">How many steps from here on the steps lie that will be read some time later.</param>
    public readonly void Fade<V>(long batch, int t, long head, T* factors, int next) where V : unmanaged, ILanes<V, T>
    {
        switch (Kind)
        {
            case StateDecayKind.None:
                new Span<T>(factors, KeyWidth).Fill(T.One);
                break;
            case StateDecayKind.PerHead:
                new Span<T>(factors, KeyWidth).Fill(T.CreateChecked(HeadFactors[head]));
                break;
            case StateDecayKind.Gate:
                new Span<T>(Decay + Key(batch, t, head), KeyWidth).CopyTo(new Span<T>(factors, KeyWidth));
                break;
            default:
                var source = Decay + Key(batch, t, head);
                var ahead = next * KeyStep;
                for (var i = 0; i < KeyWidth; i += V.Count)
                {
                    CacheHint.Prefetch(source + ahead + i);
                    var n = Math.Min(V.Count, KeyWidth - i);
                    V.StorePartial(LaneMath.Exp<V, T>(V.LoadPartial(source + i, n)), factors + i, n);
                }

                break;
        }
    }

    /// <summary>Columns <paramref name="first"/> … of a packed state into rows of whole registers.</summary>
    public readonly void Load(T* packed, int first, int width, T* state, int stride)
    {
        for (var i = 0; i < KeyWidth; i++)
            new Span<T>(packed + (long)i * ValueWidth + first, width).CopyTo(new Span<T>(state + (long)i * stride, width));
    }

    /// <summary>The reverse of <see cref="Load"/>.</summary>
    public readonly void Save(T* state, int stride, T* packed, int first, int width)
    {
        for (var i = 0; i < KeyWidth; i++)
            new Span<T>(state + (long)i * stride, width).CopyTo(new Span<T>(packed + (long)i * ValueWidth + first, width));
    }
}
