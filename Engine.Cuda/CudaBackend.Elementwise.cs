using Edifice.Engine.Backends;
using Edifice.Engine.Cuda.Driver;
using Edifice.Engine.Cuda.Kernels;

namespace Edifice.Engine.Cuda;

public sealed partial class CudaBackend
{
    /// <inheritdoc/>
    public void Map(UnaryKernel kernel, Tensor x, Tensor y, double p0, double p1)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        RunElementwise(
            new("map", (int)kernel, x.DType), static key => Operators.Value((UnaryKernel)key.Operator, key.Type) ?? throw Missing((UnaryKernel)key.Operator, key.Type),
            new(x.DType, kernel is UnaryKernel.Clamp ? 2 : kernel is UnaryKernel.Elu ? 1 : 0, p0, p1), y, x);
    }

    /// <inheritdoc/>
    public void MapVjp(UnaryKernel kernel, Tensor g, Tensor x, Tensor y, Tensor dx, double p0, double p1)
    {
        ArgumentNullException.ThrowIfNull(g);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(dx);
        if (kernel is UnaryKernel.Sign or UnaryKernel.Floor or UnaryKernel.Ceiling or UnaryKernel.Round or UnaryKernel.Truncate)
        {
            Fill(dx, 0);
            return;
        }

        // x and y are one tensor: what the op kept.
        RunElementwise(
            new("map_vjp", (int)kernel, x.DType), static key => Operators.Derivative((UnaryKernel)key.Operator, key.Type) ?? throw Missing((UnaryKernel)key.Operator, key.Type),
            new(x.DType, kernel is UnaryKernel.Clamp ? 2 : kernel is UnaryKernel.Elu ? 1 : 0, p0, p1), dx, g, x);
    }

    /// <inheritdoc/>
    /// <remarks>An integer division reads the divisor first and waits for the answer: a 0 in it is an error.</remarks>
    /// <exception cref="TensorException">An integer division by zero, or a dtype without arithmetic.</exception>
    public void Zip(BinaryKernel kernel, Tensor a, Tensor b, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        if (kernel == BinaryKernel.Divide && !a.DType.IsFloating()) RefuseZeros(b, a, b);
        RunElementwise(new("zip", (int)kernel, a.DType, (int)ScalarPlace.None), PairOf, default, y, a, b);
    }

    /// <inheritdoc/>
    /// <exception cref="TensorException">An integer division by zero, or a dtype without arithmetic.</exception>
    public void ZipScalar(BinaryKernel kernel, Tensor a, double s, bool scalarFirst, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(y);
        if (kernel == BinaryKernel.Divide && !a.DType.IsFloating())
        {
            if (scalarFirst) RefuseZeros(a, a);
            else if (Math.Truncate(s) == 0) throw DivisionByZero(a);
        }

        RunElementwise(new("zip", (int)kernel, a.DType, (int)(scalarFirst ? ScalarPlace.First : ScalarPlace.Second)), PairOf, new(a.DType, 1, s), y, a);
    }

    /// <inheritdoc/>
    public void Compare(CompareKernel kernel, Tensor a, Tensor b, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        RunElementwise(new("compare", (int)kernel, a.DType, (int)ScalarPlace.None), RelationOf, default, y, a, b);
    }

    /// <inheritdoc/>
    /// <remarks>Integers are compared with the number itself, fraction and range included; floats with s rounded to their
    /// type.</remarks>
    public void CompareScalar(CompareKernel kernel, Tensor a, double s, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(y);
        if (!a.DType.IsFloating() && !ElementBits.TryMakeIntegral(ref kernel, ref s, a.DType, out var always))
        {
            Fill(y, always ? 1 : 0);
            return;
        }

        var type = a.DType switch { DType.BFloat16 or DType.Float16 => DType.Float32, DType.Bool => DType.Int32, var same => same };
        if (a.DType == DType.BFloat16) s = (double)BitConverter.UInt32BitsToSingle((uint)ElementBits.RoundToBFloat16(s) << 16);
        if (a.DType == DType.Float16) s = (double)(Half)s;
        RunElementwise(new("compare", (int)kernel, a.DType, (int)ScalarPlace.Second), RelationOf, new(type, 1, s), y, a);
    }

    /// <inheritdoc/>
    public void Select(Tensor condition, Tensor a, Tensor b, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(condition);
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(y);
        RunElementwise(new("select", 0, a.DType), static key => Operators.Choice(key.Type), default, y, condition, a, b);
    }

    /// <inheritdoc/>
    public void Axpy(double alpha, Tensor x, Tensor y)
    {
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(y);
        if (!x.DType.IsComputeFloat()) throw TensorException.For("Axpy", "needs Float32 or Float64: convert with .To(DType.Float32) first", x, y);
        RunElementwise(new("axpy", 0, x.DType), static key => Operators.ScaledSum(key.Type), new(x.DType, 1, alpha), y, x, y);
    }

    private static ElementwiseOperator PairOf(GeneratedKernel key) =>
        Operators.Pair((BinaryKernel)key.Operator, key.Type, (ScalarPlace)key.Other) ?? throw Missing((BinaryKernel)key.Operator, key.Type);

    private static ElementwiseOperator RelationOf(GeneratedKernel key) =>
        Operators.Relation((CompareKernel)key.Operator, key.Type, (ScalarPlace)key.Other);

    private static TensorException Missing<TKernel>(TKernel kernel, DType dtype) where TKernel : struct, Enum =>
        new($"{kernel}: there is no kernel for {dtype} on cuda: convert with .To(DType.Float32) first");

    /// <summary>The parameters of an operator: numbers of an arithmetic type, or bits.</summary>
    private readonly struct Scalars
    {
        private readonly DType _type;
        private readonly int _count;
        private readonly double _s0, _s1;
        private readonly ulong _bits;

        public Scalars(DType type, int count, double s0, double s1 = 0) => (_type, _count, _s0, _s1) = (type, count, s0, s1);

        public Scalars(ulong bits) => (_count, _bits) = (-1, bits);

        public void AddTo(ref KernelArguments arguments)
        {
            if (_count < 0) arguments.Add(_bits);
            if (_count > 0) arguments.AddScalar(_type, _s0);
            if (_count > 1) arguments.AddScalar(_type, _s1);
        }
    }

    /// <summary>Queues an elementwise kernel over tensors of one shape.</summary>
    private void RunElementwise(
        GeneratedKernel key, Func<GeneratedKernel, ElementwiseOperator> make, in Scalars scalars, Tensor y, Tensor? a = null, Tensor? b = null, Tensor? c = null)
    {
        if (IsEmpty(y)) return;
        RefuseHuge(key.Family, y);
        var axes = new MergedAxes();
        var layout = default(ElementwiseLayout);
        var threads = y.Count / 4 + y.Count % 4;
        if (!(IsFlat(y) && IsFlat(a) && IsFlat(b) && IsFlat(c)))
        {
            axes = MergedAxes.Of(y, a, b, c);
            axes.AtLeastOne();
            layout = new ElementwiseLayout(axes.Rank);
            var still = 0;
            if (RunsInQuads(axes, 0, y, ref still) && RunsInQuads(axes, 1, a, ref still) && RunsInQuads(axes, 2, b, ref still) && RunsInQuads(axes, 3, c, ref still))
            {
                layout = new ElementwiseLayout(axes.Rank, true, still);
                axes.TakeQuads();
            }

            threads = axes.Count;
        }

        var kernel = _generated.TryGetValue(key with { Rank = layout.Code }, out var known) ? known : GenerateKernel(key with { Rank = layout.Code }, make);
        var arguments = new KernelArguments();
        arguments.Add(y);
        if (a is not null) arguments.Add(a);
        if (b is not null) arguments.Add(b);
        if (c is not null) arguments.Add(c);
        arguments.Add((uint)(layout.Rank == 0 ? y.Count : threads));
        scalars.AddTo(ref arguments);
        for (var axis = 1; axis < axes.Rank; axis++) arguments.Add((uint)axes.Extent(axis));
        if (axes.Rank > 0)
        {
            AddSteps(ref arguments, axes, 0, y);
            AddSteps(ref arguments, axes, 1, a);
            AddSteps(ref arguments, axes, 2, b);
            AddSteps(ref arguments, axes, 3, c);
        }

        LaunchThreads(kernel, threads, GenerateElementwise.Threads, arguments);

        static bool IsFlat(Tensor? t) => t is null || (t.IsContiguous && Address(t).Address % QuadAlignment(t) == 0);
    }

    // Apart, so that a launch of a known kernel makes no closure.
    private FunctionHandle GenerateKernel(GeneratedKernel key, Func<GeneratedKernel, ElementwiseOperator> make) =>
        Generated(key, GenerateElementwise.Entry, k => GenerateElementwise.Text(make(k), ElementwiseLayout.Of(k.Rank), k.Type));

    private static ulong QuadAlignment(Tensor t) => (ulong)Math.Min(16, 4 * t.DType.SizeOf());

    /// <summary>True when an operand's innermost axis can be taken in fours: it stands still there, or its neighbours follow one another and
    /// all its rows start where a vector access may.</summary>
    private static bool RunsInQuads(in MergedAxes axes, int operand, Tensor? t, ref int still)
    {
        var inner = axes.Rank - 1;
        if (t is null) return true;
        if (axes.Extent(inner) % 4 != 0) return false;
        if (operand > 0 && axes.Stride(inner, operand) == 0)
        {
            still |= 1 << operand;
            return true;
        }

        if (axes.Stride(inner, operand) != 1 || Address(t).Address % QuadAlignment(t) != 0) return false;
        for (var axis = 0; axis < inner; axis++)
            if (axes.Stride(axis, operand) * t.DType.SizeOf() % (long)QuadAlignment(t) != 0) return false;
        return true;
    }

    private static void AddSteps(ref KernelArguments arguments, in MergedAxes axes, int operand, Tensor? tensor)
    {
        if (tensor is null) return;
        for (var axis = 0; axis < axes.Rank; axis++) arguments.Add(axes.Stride(axis, operand) * tensor.DType.SizeOf());
    }

    private void RefuseZeros(Tensor divisor, params ReadOnlySpan<Tensor> operands)
    {
        if (divisor.Count == 0) return;
        using var isZero = Temporary(divisor.Shape, DType.Bool);
        CompareScalar(CompareKernel.Equal, divisor, 0, isZero);
        using var found = Temporary(Shape.Create(Enumerable.Repeat(1, divisor.Rank).ToArray()), DType.Bool);
        Span<int> axes = stackalloc int[divisor.Rank];
        for (var i = 0; i < axes.Length; i++) axes[i] = i;
        Reduce(ReduceKernel.Any, isZero, axes, found, 0);
        Span<byte> answer = stackalloc byte[1];
        Read(found.Storage, 0, answer);
        if (answer[0] != 0) throw DivisionByZero(operands);
    }

    private static TensorException DivisionByZero(params ReadOnlySpan<Tensor> operands) => TensorException.For(
        "Divide", "an integer divisor is 0: divide in floating point (.To(DType.Float64)) or replace the zeros first", operands);

    /// <summary>A tensor of this device that no scope frees.</summary>
    private Tensor Temporary(Shape shape, DType dtype)
    {
        var layout = Layout.Contiguous(shape);
        return new Tensor(Allocate(layout.Count * dtype.SizeOf()), layout, 0, dtype);
    }
}
