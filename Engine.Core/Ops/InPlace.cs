using Edifice.Engine.Autograd;
using Edifice.Engine.Backends;
using Edifice.Engine.Ops;

namespace Edifice.Engine;

/// <summary>Writes into existing memory, for optimizers and buffers. They are not recorded, so they are refused while the
/// tape would need them; every write counts up the storage's version, which the backward pass checks.</summary>
public sealed partial class Tensor
{
    /// <summary>Declares that the elements were or will be written by other means than these methods.</summary>
    internal void MarkWritten(string op)
    {
        if (GradMode.IsOn && Record is not null)
            throw TensorException.For(op, "a tensor on the tape is not written in place while operations are recorded: use the out-of-place form, or write under Tensor.NoGrad()", this);
        Storage.Version++;
    }

    /// <summary>Copies the elements of another tensor (broadcasting, any dtype) into this one.</summary>
    public Tensor CopyFrom(Tensor source)
    {
        ArgumentNullException.ThrowIfNull(source);
        MarkWritten("CopyFrom");
        using var off = GradMode.Off();
        var moved = source.To(Device);
        if (!Shape.TryBroadcast(moved.Shape, Shape, out var shape) || shape != Shape)
            throw TensorException.For("CopyFrom", "the source does not broadcast to the target", this, source);
        Backend.Copy(moved.ExpandTo(Shape), this);
        return this;
    }

    /// <summary>Sets every element.</summary>
    public Tensor FillInPlace(double value)
    {
        MarkWritten("FillInPlace");
        Backend.Fill(this, value);
        return this;
    }

    /// <summary>this += alpha · other; one shape and dtype.</summary>
    public Tensor AddInPlace(Tensor other, double alpha = 1)
    {
        ArgumentNullException.ThrowIfNull(other);
        Binary.Check("AddInPlace", this, other);
        if (other.Shape != Shape) throw TensorException.For("AddInPlace", "needs operands of one shape", this, other);
        MarkWritten("AddInPlace");
        if (DType.IsComputeFloat()) Backend.Axpy(alpha, other, this);
        else if (alpha == 1) Backend.Zip(BinaryKernel.Add, this, other, this);
        else throw TensorException.For("AddInPlace", "integers are added with alpha = 1 only", this, other);
        return this;
    }

    /// <summary>this *= s.</summary>
    public Tensor MulInPlace(double s)
    {
        MarkWritten("MulInPlace");
        Backend.ZipScalar(BinaryKernel.Multiply, this, s, scalarFirst: false, this);
        return this;
    }

    /// <summary>this *= other, elementwise; one shape and dtype.</summary>
    public Tensor MulInPlace(Tensor other)
    {
        ArgumentNullException.ThrowIfNull(other);
        Binary.Check("MulInPlace", this, other);
        if (other.Shape != Shape) throw TensorException.For("MulInPlace", "needs operands of one shape", this, other);
        MarkWritten("MulInPlace");
        Backend.Zip(BinaryKernel.Multiply, this, other, this);
        return this;
    }

    /// <summary>this = min(max(this, low), high); NaN stays.</summary>
    public Tensor ClampInPlace(double low, double high)
    {
        if (!(low <= high)) throw TensorException.For("ClampInPlace", $"the bounds [{low}, {high}] are empty", this);
        MarkWritten("ClampInPlace");
        Backend.Map(UnaryKernel.Clamp, this, this, low, high);
        return this;
    }
}
