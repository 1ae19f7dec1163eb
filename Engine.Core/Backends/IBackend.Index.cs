namespace Edifice.Engine.Backends;

public partial interface IBackend
{
    /// <summary>y[…, i, …] = x[…, index[…, i, …], …] along an axis; index (int64) and y of one shape, any dtype. Indices
    /// were checked. x and index any strides.</summary>
    void Gather(Tensor x, Tensor index, int axis, Tensor y);

    /// <summary>y[…, index[…, i, …], …] += src[…, i, …]; y (contiguous) holds the start. Repeats add in ascending i, so the
    /// result is deterministic. f32, f64, i32, i64.</summary>
    void ScatterAdd(Tensor src, Tensor index, int axis, Tensor y);

    /// <summary>y = the slices index[0], index[1], … of x along an axis; index is int64 [n], any dtype.</summary>
    void IndexSelect(Tensor x, Tensor index, int axis, Tensor y);

    /// <summary>y[…, index[i], …] += src[…, i, …] slice by slice, ascending i; y contiguous. f32, f64, i32, i64.</summary>
    void IndexAdd(Tensor src, Tensor index, int axis, Tensor y);
}
