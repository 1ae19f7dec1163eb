using Edifice.Engine.Backends;
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

    /// <inheritdoc/>
    /// <remarks>Out of an integer's range the nearest integer is taken and NaN becomes 0; between integers the low bits
    /// are kept.</remarks>
    public void Copy(Tensor source, Tensor destination)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(destination);
        if (source.DType == destination.DType && source.IsContiguous && destination.IsContiguous)
        {
            if (source.Count > 0) Driver.Copy(Address(source), Address(destination), source.Count * source.DType.SizeOf(), Stream);
            return;
        }

        RunElementwise(new("copy", 0, source.DType, (int)destination.DType), static key => Operators.Conversion(key.Type, (DType)key.Other), default, destination, source);
    }

    /// <inheritdoc/>
    public void Fill(Tensor destination, double value)
    {
        ArgumentNullException.ThrowIfNull(destination);
        RunElementwise(new("fill", 0, destination.DType), static key => Operators.Constant(key.Type), new(ElementBits.Encode(value, destination.DType)), destination);
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
        if (!(InQuads(y) && InQuads(a) && InQuads(b) && InQuads(c)))
        {
            axes = MergedAxes.Of(y, a, b, c);
            axes.AtLeastOne();
        }

        var kernel = Generated(key with { Rank = axes.Rank }, GenerateElementwise.Entry, k => GenerateElementwise.Text(make(k), k.Rank, k.Type));
        var arguments = new KernelArguments();
        arguments.Add(y);
        if (a is not null) arguments.Add(a);
        if (b is not null) arguments.Add(b);
        if (c is not null) arguments.Add(c);
        arguments.Add((uint)y.Count);
        scalars.AddTo(ref arguments);
        for (var axis = 1; axis < axes.Rank; axis++) arguments.Add((uint)axes.Extent(axis));
        if (axes.Rank > 0)
        {
            AddSteps(ref arguments, axes, 0, y);
            AddSteps(ref arguments, axes, 1, a);
            AddSteps(ref arguments, axes, 2, b);
            AddSteps(ref arguments, axes, 3, c);
        }

        LaunchThreads(kernel, GenerateElementwise.ThreadsFor(y.Count, axes.Rank), GenerateElementwise.Threads, arguments);

        static bool InQuads(Tensor? t) => t is null || (t.IsContiguous && Address(t).Address % (ulong)Math.Min(16, 4 * t.DType.SizeOf()) == 0);
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
