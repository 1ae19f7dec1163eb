using Edifice.Engine.Autograd;

namespace Edifice.Engine.Checking;

/// <summary>An input of a checked function in memory of its own, so that its elements can be moved.</summary>
/// <remarks>The copy has the original's strides (negative ones and gaps included), and the gaps hold NaN: a kernel that
/// reads past the view's elements shows. Axes that repeat (stride 0) are written out, since one of their elements cannot
/// move alone.</remarks>
internal sealed class ProbedInput
{
    private readonly Tensor _place;
    private readonly double[] _base;

    public ProbedInput(string name, Tensor source)
    {
        Name = name;
        _place = Place(source);
        _base = source.ToArray<double>();
    }

    public string Name { get; }

    public Shape Shape => _place.Shape;

    public int Count => _base.Length;

    public double Value(int element) => _base[element];

    /// <summary>A fresh leaf over the same memory.</summary>
    public Tensor Leaf() => _place.Detach();

    /// <summary>Sets one element.</summary>
    public void Move(int element, double value)
    {
        var offset = _place.Offset;
        long rest = element;
        for (var axis = _place.Rank - 1; axis >= 0; axis--)
        {
            var extent = _place.Layout.Dims[axis];
            offset += rest % extent * _place.Layout.Strides[axis];
            rest /= extent;
        }

        using var one = new Tensor(_place.Storage, Layout.Scalar, offset, DType.Float64, retain: true);
        one.Backend.Fill(one, value);
    }

    /// <summary>A direction, scaled to the size of the elements where that is above 1, whose multiples of <paramref name="step"/> can be
    /// added to the elements without rounding (but where that crosses a power of two): the distance moved is the one meant.</summary>
    public double[] Representable(double[] direction, double step)
    {
        var exact = new double[direction.Length];
        for (var i = 0; i < exact.Length; i++)
            exact[i] = (_base[i] + step * direction[i] * Math.Max(1, Math.Abs(_base[i])) - _base[i]) / step;
        return exact;
    }

    /// <summary>Sets every element to where it started plus a distance along a direction.</summary>
    public void Move(double distance, double[] direction)
    {
        var moved = (double[])_base.Clone();
        for (var i = 0; i < moved.Length; i++) moved[i] += distance * direction[i];
        Set(moved);
    }

    /// <summary>Puts every element back, to the bit.</summary>
    public void Restore() => Set(_base);

    private void Set(double[] values)
    {
        using var source = Tensor.FromArray(values, Shape, _place.Device);
        _place.Backend.Copy(source, _place);
    }

    /// <summary>A copy with the strides of the original, NaN in between.</summary>
    public static Tensor Place(Tensor source)
    {
        using var off = GradMode.Off();
        long low = 0, high = 0;
        var repeats = false;
        for (var i = 0; i < source.Rank; i++)
        {
            var reach = (source.Layout.Dims[i] - 1L) * source.Layout.Strides[i];
            if (reach < 0) low += reach;
            else high += reach;
            repeats |= source.Layout.Dims[i] > 1 && source.Layout.Strides[i] == 0;
        }

        if (source.Count == 0 || repeats) return source.Contiguous().Clone();
        var memory = Tensor.Full([checked((int)(high - low + 1))], double.NaN, source.DType, source.Device);
        var place = new Tensor(memory.Storage, source.Layout, -low, source.DType, retain: true);
        memory.Dispose();
        place.Backend.Copy(source, place);
        return place;
    }

    /// <summary>The same values with a gap of NaN after every element.</summary>
    public static Tensor Spread(Tensor source)
    {
        if (source.Rank == 0 || source.Count == 0) return source;
        using var off = GradMode.Off();
        var dims = (int[])source.Layout.Dims.Clone();
        dims[^1] *= 2;
        using var wide = Tensor.Full(dims, double.NaN, source.DType, source.Device);
        var place = wide.Slice(-1, step: 2);
        place.Backend.Copy(source, place);
        return place;
    }
}
